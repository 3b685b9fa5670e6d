"""Child processes that must not outlive this one, however it ends.

Each leads a process group of its own. `Keeper` is a shell that knows these groups and waits for the end of this process
on a pipe that nobody else holds: a SIGKILL closes it too. What is handed down to every child is a lock that a later
runner wants for itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_WATCH = """\
groups=
while read -r sign group; do
    left=
    for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done
    groups=$left
    [ "$sign" = - ] || groups="$groups $group"
done
for group in $groups; do kill -s KILL -- "-$group"; done
rm -rf -- "$1"
[ -z "$groups" ] || { sleep 1; rm -rf -- "$1"; }  # whoever was just dying may have made it anew
"""

ONCE_IT_IS_KEPT = ("/bin/sh", "-c", 'read -r _ && exec "$@"', "sh")
"""Before a command: it begins with the first line on stdin, so that nothing runs which our death would not end."""

_handed_down: list[int] = []


def hand_down(descriptor: int) -> None:
    """Every child started from now on holds this descriptor while it lives."""
    _handed_down.append(descriptor)


def handed_down() -> tuple[int, ...]:
    return tuple(_handed_down)


def kill_group(group: int) -> None:
    """SIGKILL for whatever is left of a group; nothing where nothing is."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class GroupReaper:
    """Ends the groups that it keeps as soon as this process has ended, then removes the folder that they worked in:
    make the keeper first, the folder second. Raises OSError where no process can be started; a shell that was killed
    itself is replaced with the next group."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: set[int] = set()
        self._shell = self._start()

    def keep(self, group: int) -> None:
        self._groups.add(group)
        if self._shell.poll() is None:
            self._say(f"+ {group}\n")
            return
        self.close()
        self._shell = self._start()
        self._say("".join(f"+ {one}\n" for one in self._groups))

    def let_go(self, group: int) -> None:
        self._groups.discard(group)
        with suppress(OSError):  # a shell that is gone keeps nothing
            self._say(f"- {group}\n")

    def close(self) -> None:
        """End the groups and remove the folder now."""
        assert self._shell.stdin is not None  # noqa: S101 - it was asked for
        self._shell.stdin.close()
        self._shell.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "keeper", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            process_group=0,
            bufsize=0,
        )

    def _say(self, lines: str) -> None:
        assert self._shell.stdin is not None  # noqa: S101 - it was asked for
        self._shell.stdin.write(lines.encode())
