"""The inside of one worker process: an asyncio loop that takes tasks from the runner's socket, runs the handler on each
at once, and sends up what it emits and returns: everything that is ready in one turn of the loop as one message.

The worker ends with its runner, however that ends: a thread blocks on the lifeline, which only the runner holds, and
kills the worker's process group when it closes. A child that a handler starts stays in that group and dies with it.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import pickle
import signal
import socket
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from waves import child_processes
from waves.errors import WaveError
from waves.executors.events import Handler
from waves.executors.frames import Inbox, frame


def work(channel: socket.socket, lifeline: Connection[Any, Any], guard: Path | None, recipe: bytes) -> None:
    """Serve tasks until the runner closes its side of `channel`. Does not return: the process ends here."""
    _leave_the_runners_group()
    threading.Thread(target=_end_with_runner, args=(lifeline.fileno(),), daemon=True).start()
    try:
        asyncio.run(_serve(channel, guard, recipe))
    finally:
        _end_with_children()


def _leave_the_runners_group() -> None:
    """The runner decides when work ends, so SIGINT and SIGTERM do nothing here. They are handled rather than ignored,
    and unblocked: a child that a handler starts would inherit `SIG_IGN` and the forkserver's blocked mask."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stay)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _stay(_number: int, _frame: FrameType | None) -> None:
    pass


def _end_with_runner(lifeline: int) -> None:
    os.read(lifeline, 1)
    _end_with_children()


def _end_with_children() -> None:
    os.killpg(0, signal.SIGKILL)


async def _serve(channel: socket.socket, guard: Path | None, recipe: bytes) -> None:
    server = _TaskServer()
    try:
        if guard is not None:
            _share(guard)
        server.handler = pickle.loads(recipe)()  # noqa: S301 - the runner wrote it
    except Exception as error:  # noqa: BLE001 - every task is lost with the reason
        server.failure = _why_not_built(error)
    gc.freeze()  # what is loaded by now stays: examining it would copy the memory shared with the forkserver
    gc.set_threshold(50_000, 50)
    gc.enable()
    await asyncio.get_running_loop().create_unix_connection(lambda: server, sock=channel)
    await server.closed.wait()
    _end_with_children()


def _share(guard: Path) -> None:
    """Hold the guard as long as this process and its children live: a later runner that needs it exclusively sees that
    we still work."""
    held = os.open(guard, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    child_processes.hand_down(held)


class _TaskServer(asyncio.Protocol):
    """Tasks in, results out. `handler` runs each task; while it is None, each task is lost for the reason `failure`."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.failure = ""
        self.closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._ready: list[tuple[str, str, object]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream has a stream's transport
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for batch in self._inbox.feed(data):
            for key, task in batch:
                running = self._loop.create_task(self._run(key, task))
                self._tasks.add(running)
                running.add_done_callback(self._done)

    def eof_received(self) -> bool:
        self._leaving = True
        self._leave_if_idle()
        return True

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed.set()

    async def _run(self, key: str, task: object) -> None:
        if self.handler is None:
            self._send("lost", key, self.failure)
            return
        try:
            value = await self.handler(task, lambda emitted: self._send("emitted", key, emitted))
        except BaseException as error:  # noqa: BLE001 - any fault must reach the runner, panics of Rust code too
            self._send("lost", key, _why_lost(error))
        else:
            self._send("finished", key, value)

    def _send(self, kind: str, key: str, value: object) -> None:
        if not self._ready:
            self._loop.call_soon(self._flush)
        self._ready.append((kind, key, value))

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        if not ready:
            return
        try:
            data = frame(ready)
        except Exception:  # noqa: BLE001 - a value that cannot be pickled must not lose the others
            data = b"".join(_frame_one(*message) for message in ready)
        self._transport.write(data)

    def _done(self, running: asyncio.Task[None]) -> None:
        self._tasks.discard(running)
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._leaving and not self._tasks:
            self._flush()
            self._transport.close()


def _frame_one(kind: str, key: str, value: object) -> bytes:
    try:
        return frame([(kind, key, value)])
    except Exception as error:  # noqa: BLE001 - pickling a value may raise anything
        return frame([("lost", key, f"its {kind} value cannot be pickled ({type(error).__name__})")])


def _why_not_built(error: Exception) -> str:
    text = error.message if isinstance(error, WaveError) else str(error)
    return f"the worker cannot start: {type(error).__name__}: {text}".splitlines()[0][:300]


def _why_lost(error: BaseException) -> str:
    """The message of our own faults. The text of any other error may quote the task's data, so it is left out."""
    if isinstance(error, WaveError):
        return error.message
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


__all__ = ["work"]
