"""Child processes that must not outlive this one, however it ends.

Each leads a process group of its own. `GroupReaper` is a shell that knows these groups and waits on a pipe that only
this process holds: its end closes the pipe, even after a SIGKILL. Every child inherits the descriptor of a lock that a
later runner needs for itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_REAPER = """\
groups=
while read -r sign group; do
    left=
    for known in $groups; do [ "$known" = "$group" ] || left="$left $known"; done
    groups=$left
    [ "$sign" = - ] || groups="$groups $group"
done
for group in $groups; do kill -s KILL -- "-$group"; done
rm -rf -- "$1"
[ -z "$groups" ] || { sleep 1; rm -rf -- "$1"; }  # a dying process may have created it again
"""

START_ON_FIRST_LINE = ("/bin/sh", "-c", 'read -r _ && exec "$@"', "sh")
"""Put before a command: the command starts with the first line on stdin, which is sent once a reaper knows its group.
So nothing runs that would outlive us."""

_handed_down: list[int] = []


def hand_down(descriptor: int) -> None:
    """Every child started from now on inherits this descriptor, and holds it while it lives."""
    _handed_down.append(descriptor)


def handed_down() -> tuple[int, ...]:
    return tuple(_handed_down)


def kill_group(group: int) -> None:
    """SIGKILL for every process that is left in a group; does nothing if there is none."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class GroupReaper:
    """Kills the groups that it knows as soon as this process has ended, then removes the folder that they worked in:
    create the reaper first, the folder second. Raises OSError if no process can be started; a shell that was killed
    itself is replaced when the next group is added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: set[int] = set()
        self._shell = self._start()

    def add(self, group: int) -> None:
        self._groups.add(group)
        if self._shell.poll() is None:
            self._send(f"+ {group}\n")
            return
        self.close()
        self._shell = self._start()
        self._send("".join(f"+ {known}\n" for known in self._groups))

    def remove(self, group: int) -> None:
        self._groups.discard(group)
        with suppress(OSError):  # a shell that is gone knows no groups
            self._send(f"- {group}\n")

    def close(self) -> None:
        """Kill the groups and remove the folder now."""
        assert self._shell.stdin is not None  # noqa: S101 - opened as a pipe
        self._shell.stdin.close()
        self._shell.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", _REAPER, "reaper", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            process_group=0,
            bufsize=0,
        )

    def _send(self, lines: str) -> None:
        assert self._shell.stdin is not None  # noqa: S101 - opened as a pipe
        self._shell.stdin.write(lines.encode())
