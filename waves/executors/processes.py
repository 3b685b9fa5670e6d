"""Runs tasks on this machine: a few persistent worker processes from a forkserver with the heavy imports loaded, each
one asyncio loop with many tasks in flight.

A task is finished or lost, never forgotten: a worker that dies loses only its own tasks, and is replaced with the next
task. The runner never waits for a worker to read. When the runner dies, every worker dies.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from waves.errors import TryLaterError
from waves.executors import process_worker
from waves.executors.events import Emitted, Event, Finished, Handler, Lost
from waves.executors.frames import Inbox, frame

_KINDS: dict[str, Callable[[str, Any], Event]] = {"emitted": Emitted, "finished": Finished, "lost": Lost}
_WARMING = "waves.executors.warming"  # named, not imported: it would turn off the collector here
_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE
_AT_ONCE = 1 << 20


def warm(preload: Sequence[str]) -> None:
    """Start the forkserver and return while it still imports `preload`. Calling it again does nothing.

    It and its children start with SIGINT and SIGTERM blocked, so that a signal to the whole group (Ctrl-C, `timeout`,
    systemd) reaches the runner alone; the runner's signals are delayed by these few milliseconds. Raises TryLaterError.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_WARMING, *preload, process_worker.__name__])
    with _machine_limits():
        resource_tracker.ensure_running()  # would unblock the signals below
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Processes:
    """`build` is pickled and called once in each worker; it returns the handler. `guard` is a file on which each worker
    holds a shared lock while it lives. Raises TryLaterError if the machine refuses a process."""

    def __init__(
        self, build: Callable[[], Handler], *, workers: int, preload: Sequence[str], guard: Path | None
    ) -> None:
        self._recipe = pickle.dumps(build)
        self._size = workers
        self._preload = preload
        self._guard = guard
        with _machine_limits():
            self._lifeline, self._lifeline_held = multiprocessing.Pipe(duplex=False)
            self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        # before multiprocessing's own handler, which would wait for workers that wait for us
        atexit.register(self._end)
        try:
            while len(self._workers) < workers:
                self._hire()
        except BaseException:
            self.close(kill=True)
            raise

    @property
    def size(self) -> int:
        """The number of workers when all of them are alive."""
        return self._size

    def submit(self, key: str, task: object) -> None:
        """Give the task to the least loaded worker. It is sent by the next `events`."""
        if len(self._workers) < self._size:
            self._hire()
        min(self._workers, key=lambda worker: len(worker.keys)).take(key, task)

    def events(self, timeout: float | None) -> list[Event]:
        """Send what was submitted, wait up to `timeout` seconds (None: indefinitely, if anything is in flight) and
        return what has arrived, possibly nothing. For each key: Emitted in order, then one Finished or Lost."""
        for worker in self._workers:
            worker.send(self._selector)
        if timeout is None and not any(worker.keys for worker in self._workers):
            return []
        arrived: list[Event] = []
        for ready, mask in self._selector.select(timeout):
            worker = ready.data
            if mask & _WRITE:
                worker.send(self._selector)
            if mask & _READ:
                arrived += self._receive(worker)
        return arrived

    def close(self, *, kill: bool) -> None:
        """End the workers: at once, or when the tasks in flight are done (10 s at most). What they still send is
        dropped. Afterwards no worker is left."""
        if kill:
            self._lifeline_held.close()
        deadline = time.monotonic() + (2 if kill else 10)
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.bury(deadline)
        self._workers.clear()
        self._end()

    def _hire(self) -> None:
        warm(self._preload)
        with _machine_limits():
            ours, theirs = socket.socketpair()
        with theirs, _no_main_module():
            process = multiprocessing.get_context("forkserver").Process(
                target=process_worker.work, args=(theirs, self._lifeline, self._guard, self._recipe), daemon=True
            )
            try:
                with _machine_limits():
                    process.start()
            except TryLaterError:
                ours.close()
                raise
        worker = _Worker(process, ours)
        self._selector.register(ours, _READ, worker)
        self._workers.append(worker)

    def _receive(self, worker: _Worker) -> list[Event]:
        arrived = worker.receive()
        if arrived is not None:
            return arrived
        self._workers.remove(worker)
        self._selector.unregister(worker.channel)
        reason = worker.bury(time.monotonic() + 2)
        return [Lost(key, reason) for key in worker.keys]

    def _end(self) -> None:
        atexit.unregister(self._end)
        self._lifeline_held.close()
        self._lifeline.close()
        self._selector.close()


class _Worker:
    """The runner's view of one worker: its process, its socket, and the keys of its unfinished tasks."""

    def __init__(self, process: BaseProcess, channel: socket.socket) -> None:
        self.channel = channel
        self.keys: dict[str, None] = {}
        self._process = process
        self._pid = process.pid or 0
        self._inbox = Inbox()
        self._tasks: list[tuple[str, object]] = []
        self._out = bytearray()
        channel.setblocking(False)

    def take(self, key: str, task: object) -> None:
        self.keys[key] = None
        self._tasks.append((key, task))

    def send(self, selector: selectors.BaseSelector) -> None:
        """Write as much as the socket accepts; let the selector report when it accepts more."""
        if self._tasks:
            self._out += frame(self._tasks)
            self._tasks = []
        elif not self._out:
            return
        with suppress(BlockingIOError, ConnectionError):  # a dead worker is noticed by reading from it
            del self._out[: self.channel.send(self._out)]
        selector.modify(self.channel, _READ | _WRITE if self._out else _READ, self)

    def receive(self) -> list[Event] | None:
        """What has arrived; None when the worker is gone."""
        try:
            data = self.channel.recv(_AT_ONCE)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        if not data:
            return None
        events = [_KINDS[kind](key, value) for batch in self._inbox.feed(data) for kind, key, value in batch]
        for event in events:
            if not isinstance(event, Emitted):
                self.keys.pop(event.key, None)
        return events

    def dismiss(self) -> None:
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def bury(self, deadline: float) -> str:
        """Wait until the process is gone, killing it at the deadline; return how it ended. The socket shows its end,
        not the exit code, which nobody passes on once the forkserver itself is gone."""
        try:
            self.channel.settimeout(max(0.01, deadline - time.monotonic()))
            while self.channel.recv(_AT_ONCE):
                self.channel.settimeout(max(0.01, deadline - time.monotonic()))
        except OSError:
            pass
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        self.channel.close()
        self._process.join(2)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"its worker process was killed by {signal.Signals(-code).name}"
        return "its worker process ended before it answered"


@contextmanager
def _machine_limits() -> Iterator[None]:
    """A refusal of the machine becomes a fault with a remedy."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise TryLaterError(
            f"cannot start a worker process ({type(error).__name__})",
            "free memory, processes or open files (ulimit -n) on this machine",
        ) from error


@contextmanager
def _no_main_module() -> Iterator[None]:
    """The standard library runs the caller's script again in every worker, in case a task is defined there. Ours are
    not, and a script without a `__main__` guard would start its fire again in each worker."""
    real = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = real


__all__ = ["Emitted", "Finished", "Lost", "Processes", "warm"]
