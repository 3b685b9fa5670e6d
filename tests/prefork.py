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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def start(
    program: str,
    arguments: Sequence[str],
    *,
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


class _Server:
    """Our side of the server. It ends when this side is closed, at the latest with this process."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._sockets = tempfile.TemporaryDirectory(prefix="waves-")  # of the forkservers: the path has to be short
        with theirs:
            command = [sys.executable, "-m", "tests.prefork_server", str(theirs.fileno()), self._sockets.name]
            self._process = subprocess.Popen(command, cwd=_ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
        self._answers = self._channel.makefile("r", encoding="utf-8")
        atexit.register(self._end)

    def ask(self, request: Mapping[str, Any], streams: Sequence[int] = ()) -> dict[str, Any]:
        data = json.dumps(request).encode()
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
