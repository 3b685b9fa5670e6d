"""One `claude` as a child process: the prompt in, its lines out, and an end in any case.

It leads a process group of its own, which is killed as a whole when the process ends, when the call is cancelled, and
when this process dies. Its output is read as it comes and not kept beyond a bound, so that neither side blocks the
other.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from waves.backends.answers.envelope import MOST_BYTES
from waves.child_processes import START_ON_FIRST_LINE, GroupReaper, handed_down, kill_group

MOST_OUTPUT = 32 * 1024 * 1024
"""Bytes on stdout; an answer of 64,000 tokens with every delta of it stays below. A line holds one answer at most."""
_MOST_STDERR = 4096

OnLine = Callable[[bytes], bool]
"""Takes one line of stdout; True ends the process."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """`exit_code` is None if we ended the process. `stderr` is the beginning of it. `too_long`: it printed more than we
    read."""

    exit_code: int | None
    stderr: str
    too_long: bool


class Workspace:
    """Folders for the children of this process, 0700: `home`, `temporary`, and `work`, an empty working directory; and
    the file `system` with their system prompt. A reaper removes them if this process ends without `close`."""

    def __init__(self, system: str) -> None:
        self.path = Path(tempfile.gettempdir()) / f"waves-claude-{secrets.token_hex(8)}"
        self.reaper = GroupReaper(self.path)
        self.path.mkdir(0o700)
        self.home, self.work, self.temporary = (self.path / name for name in ("home", "work", "tmp"))
        for folder in (self.home, self.work, self.temporary):
            folder.mkdir(0o700)
        self.system = self.path / "system"  # written once: every process of this backend reads it
        self.system.write_text(system, "utf-8")

    def close(self) -> None:
        self.reaper.close()


async def run(
    command: Sequence[str], environment: Mapping[str, str], space: Workspace, prompt: bytes, on_line: OnLine
) -> ProcessEnd:
    """Run it to its end. Cancelled, it is killed first. Raises OSError if it cannot be started."""
    transport, protocol = await asyncio.get_running_loop().subprocess_exec(
        lambda: _CliProtocol(on_line),
        *START_ON_FIRST_LINE,
        *command,
        cwd=space.work,
        env=dict(environment),
        process_group=0,
        pass_fds=handed_down(),
    )
    group = transport.get_pid()
    try:
        space.reaper.add(group)
        stdin = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
        stdin.write(b"\n" + prompt)
        stdin.write_eof()
        await protocol.gone.wait()
    finally:
        kill_group(group)
        transport.close()
        await protocol.gone.wait()
        space.reaper.remove(group)
    exit_code = None if protocol.ended_by_us else transport.get_returncode()
    return ProcessEnd(exit_code, protocol.stderr.decode("utf-8", "replace"), protocol.too_long)


class _CliProtocol(asyncio.SubprocessProtocol):
    """`gone` is set once the process has ended and its pipes are closed."""

    def __init__(self, on_line: OnLine) -> None:
        self.gone = asyncio.Event()
        self.ended_by_us = False
        self.too_long = False
        self.stderr = b""
        self._on_line = on_line
        self._line = bytearray()
        self._bytes_left = MOST_OUTPUT

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._group = cast("asyncio.SubprocessTransport", transport).get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd != 1:
            self.stderr = (self.stderr + data)[:_MOST_STDERR]
            return
        self._bytes_left -= len(data)
        if self.ended_by_us:
            return
        if self._bytes_left < 0 or len(self._line) > MOST_BYTES:
            self.too_long = True
            self._line.clear()
            self._end()
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line
            self._pass_on()
        self._line += rest

    def process_exited(self) -> None:
        kill_group(self._group)  # its own children hold our pipes open

    def connection_lost(self, _error: Exception | None) -> None:
        self._pass_on()
        self.gone.set()

    def _pass_on(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if line and not self.ended_by_us and self._on_line(line):
            self._end()

    def _end(self) -> None:
        self.ended_by_us = True
        kill_group(self._group)
