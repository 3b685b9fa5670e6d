from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import workers
from waves.executors.events import Emitted, Event
from waves.executors.processes import Processes


class Run:
    """Executors of one test, each closed with it, and their events up to an end or a deadline."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, build: Any, *, workers: int = 1, guard: Path | None = None) -> Processes:
        processes = Processes(build, workers=workers, preload=(), guard=guard)
        self._stack.callback(processes.close, kill=True)
        return processes

    def until_ended(self, processes: Processes, count: int) -> list[Event]:
        """All events until this many keys have ended."""
        return self.until(processes, lambda events: sum(not isinstance(e, Emitted) for e in events) >= count)

    def until(self, processes: Processes, enough: Callable[[list[Event]], bool]) -> list[Event]:
        deadline = time.monotonic() + 30
        events: list[Event] = []
        while not enough(events):
            assert time.monotonic() < deadline, events
            events += processes.events(1)
        return events


@pytest.fixture(autouse=True, scope="module")
def _own_forkserver() -> Iterator[None]:
    """These tests kill it, and need nothing in it."""
    workers.start_afresh()
    yield
    workers.start_afresh()


@pytest.fixture
def all_gone() -> Callable[[list[psutil.Process]], bool]:
    """Whether none of these processes runs 2 s later. A zombie counts as gone."""

    def check(processes: list[psutil.Process]) -> bool:
        deadline = time.monotonic() + 2
        while any(map(_runs, processes)):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    return check


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with ExitStack() as stack:
        yield Run(stack)


@pytest.fixture
def handlers(run: Run) -> Any:  # noqa: ARG001 - it puts the folder on the path
    return import_module("handlers")
