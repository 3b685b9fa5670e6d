"""Processes without the second that an interpreter takes to start and to import the SDK: forked from one that has done
both (tests/prefork_server.py), and otherwise like any: a session of their own, signals, exit codes, children.

For what is about the start of a process (its interpreter, its limits, a terminal), start a real one.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.project_folder import Ran

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Forked:
    """One such process. It leads its session, so that `os.killpg` reaches whatever it started."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, as `subprocess` has it; None while it runs."""
        code: int | None = _server().ask({"ended": self.pid})["code"]
        return code

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} still runs after {timeout:g} s")
            time.sleep(0.003)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@dataclass(frozen=True, slots=True)
class Running:
    """A process that runs, and what it writes. A pipe holds 64 KiB: more than a `wave` without a terminal says."""

    process: Forked | subprocess.Popen[bytes]
    out: IO[str]
    err: IO[str]

    def end(self, timeout: float = 60) -> Ran:
        code = self.process.wait(timeout)
        with self.out, self.err:
            return Ran(code, self.out.read(), self.err.read())

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    @property
    def running(self) -> bool:
        return self.process.poll() is None


def begin(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str], traps: Mapping[str, Any] | None = None
) -> Running:
    """A forked `wave` without a terminal, with its traps (tests/faults/trap.py)."""
    return _running(lambda streams: start("wave", arguments, folder, environ, streams, traps))


def begin_program(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Running:
    """Any program, from its first instruction."""

    def started(streams: tuple[int, int, int]) -> subprocess.Popen[bytes]:
        stdin, stdout, stderr = streams
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )

    return _running(started)


def start(
    program: str,
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    streams: tuple[int, int, int],
    traps: Mapping[str, Any] | None = None,
) -> Forked:
    """`program` is `wave` or `rehearsal`; `streams` are the descriptors of its stdin, stdout and stderr."""
    request = {
        "program": program,
        "arguments": list(arguments),
        "folder": str(folder),
        "environ": dict(environ),
        "traps": traps,
    }
    return Forked(_server().ask(request, streams)["pid"])


def _running(started: Callable[[tuple[int, int, int]], Forked | subprocess.Popen[bytes]]) -> Running:
    out, out_sink = os.pipe()
    err, err_sink = os.pipe()
    with Path(os.devnull).open("rb") as nothing:
        process = started((nothing.fileno(), out_sink, err_sink))
    for sink in (out_sink, err_sink):
        os.close(sink)
    return Running(process, os.fdopen(out, encoding="utf-8"), os.fdopen(err, encoding="utf-8"))


class _Server:
    """Our side of the server. It ends when this side is closed, at the latest with this process."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(60)
        self._turn = threading.Lock()
        self._sockets = tempfile.TemporaryDirectory(prefix="waves-")  # of the forkservers: the path has to be short
        with theirs:
            command = [sys.executable, "-m", "tests.prefork_server", str(theirs.fileno()), self._sockets.name]
            self._process = subprocess.Popen(command, cwd=_ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
        self._answers = self._channel.makefile("r", encoding="utf-8")
        atexit.register(self._end)

    def ask(self, request: Mapping[str, Any], streams: Sequence[int] = ()) -> dict[str, Any]:
        data = json.dumps(request).encode()
        with self._turn:
            # descriptors travel with the first byte; the length tells where the request ends
            socket.send_fds(self._channel, [len(data).to_bytes(8, "big")], streams)
            self._channel.sendall(data)
            answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer

    def _end(self) -> None:
        self._answers.close()
        self._channel.close()
        self._process.wait(10)
        self._sockets.cleanup()


@functools.cache
def _server() -> _Server:
    return _Server()
