"""The other side of tests/prefork.py: imports all that a fire and the rehearsal provider import, then forks on request.

A fork has nothing of this process but its modules: a session, a folder, an environment and streams of its own. A `wave`
gets its forkserver, too, by a fork before it begins, so that the SDK is not imported once more.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import json
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from typing import Any

from tests.faults.trap import Traps, Wires

_LOADED = (
    "waves.surfaces.cli.commands.fires.fire",
    "waves.surfaces.cli.commands.rubrics.pilot",
    "waves.backends.anthropic.backend",
    "waves.backends.claude_cli.backend",
    "waves.executors.process_worker",
    "waves.worker",
    "waves.rehearsal.server",
)
_CODES: dict[int, int] = {}
"""The exit codes of those that have ended: a process can be asked once only."""
_Entry = Callable[[], None]


def main() -> _Entry | None:
    """Serve until the other side is closed. In a fork: what it is to do."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    for name in _LOADED:
        importlib.import_module(name)
    gc.freeze()
    while (received := _receive(channel)) is not None:
        request, streams = received
        if "ended" in request:
            _answer(channel, code=_ended(request["ended"]))
            continue
        pid = os.fork()
        if pid == 0:
            channel.close()
            return _become(request, streams)
        for stream in streams:
            os.close(stream)
        _answer(channel, pid=pid)
    return None


def _receive(channel: socket.socket) -> tuple[dict[str, Any], Sequence[int]] | None:
    head, streams, _, _ = socket.recv_fds(channel, 8, 3)
    if not head:
        return None
    data = channel.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
    return json.loads(data), streams


def _answer(channel: socket.socket, **answer: int | None) -> None:
    channel.sendall(json.dumps(answer).encode() + b"\n")


def _ended(pid: int) -> int | None:
    if pid not in _CODES:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        _CODES[pid] = os.waitstatus_to_exitcode(status)
    return _CODES[pid]


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> _Entry:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sockets = sys.argv[2]
    sys.argv = [request["program"], *request["arguments"]]
    gc.enable()
    _warn_as(request["environ"].get("PYTHONWARNINGS", ""))
    if request["program"] == "rehearsal":
        return _rehearse
    _fork_a_forkserver(f"{sockets}/{os.getpid()}")
    if request["traps"] is not None:
        Wires(Traps(**request["traps"])).lay()
    return _wave


def _warn_as(options: str) -> None:
    """As an interpreter reads the variable when it starts; the tests use these two forms of it."""
    sys.warnoptions = [option for option in options.split(",") if option]
    for option in sys.warnoptions:
        action, _, category = option.partition("::")
        warnings.simplefilter(action, getattr(builtins, category or "Warning"))


def _wave() -> None:
    from waves.surfaces.cli.main import main as wave

    wave()


def _rehearse() -> None:
    from waves.rehearsal.__main__ import main as rehearse

    sys.exit(rehearse())


def _fork_a_forkserver(address: str) -> None:
    """What `multiprocessing.forkserver.ensure_running` does, by a fork, and with the signals blocked as `warm` does."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    alive, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(held)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            forkserver.main(listener.detach(), alive, ["waves.executors.warming"])
        finally:
            os._exit(0)
    os.close(alive)
    listener.close()
    server: Any = forkserver._forkserver
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, held, pid


if __name__ == "__main__":
    begin = main()
    if begin is not None:
        begin()
