"""What the tests run inside workers. A module of its own: workers import it by name."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from waves.child_processes import handed_down
from waves.errors import DiskError
from waves.executors.events import Emit, Handler


def echo() -> Handler:
    async def handler(task: Any, emit: Emit) -> Any:
        emit(("got", task))
        return task

    return handler


def obey() -> Handler:
    """Runs the function that the task names, with its arguments, and emits the worker's process id first."""

    async def handler(task: tuple[str, Any], emit: Emit) -> Any:
        emit(os.getpid())
        await asyncio.sleep(0)  # lets it go up before an order holds up the loop
        return await _ORDERS[task[0]](task[1])

    return handler


def meet() -> Handler:
    """Ends no task until as many as the task says are in flight in this worker."""
    waiting: list[None] = []
    complete = asyncio.Event()

    async def handler(expected: int, _emit: Emit) -> None:
        waiting.append(None)
        if len(waiting) == expected:
            complete.set()
        await complete.wait()

    return handler


def broken() -> Handler:
    raise RuntimeError("no such thing\nsecond line")


async def _wait_for_ever(_: Any) -> None:
    await asyncio.Event().wait()


async def _block(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - a handler that holds up its whole worker


async def _return(value: Any) -> Any:
    return value


async def _die(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _leave(_: Any) -> None:
    os._exit(3)


async def _raise(text: str) -> None:
    raise ValueError(text)


async def _raise_ours(text: str) -> None:
    raise DiskError(text)


async def _exit(_: Any) -> None:
    sys.exit("bye")


async def _return_what_cannot_be_pickled(_: Any) -> Callable[[], None]:
    return lambda: None


async def _start_a_child(_: Any) -> int:
    return subprocess.Popen(["sleep", "600"]).pid  # noqa: ASYNC220 - it must outlive the task


async def _start_a_child_that_holds(_: Any) -> int:
    command = ["sleep", "600"]
    return subprocess.Popen(command, process_group=0, pass_fds=handed_down()).pid  # noqa: ASYNC220 - as above


_ORDERS: dict[str, Callable[[Any], Any]] = {
    "wait": _wait_for_ever,
    "block": _block,
    "return": _return,
    "die": _die,
    "leave": _leave,
    "raise": _raise,
    "raise ours": _raise_ours,
    "exit": _exit,
    "unpicklable": _return_what_cannot_be_pickled,
    "child": _start_a_child,
    "holding child": _start_a_child_that_holds,
}
