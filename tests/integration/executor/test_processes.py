"""The executor with real processes, real signals and a real forkserver."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import time
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import psutil
import pytest

from waves.errors import TryLaterError
from waves.executors.events import Emitted, Event, Finished, Lost


def _pid(events: list[Event], key: str) -> int:
    return next(int(str(e.value)) for e in events if isinstance(e, Emitted) and e.key == key)


def test_every_task_comes_back_emitted_first(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.echo, workers=2)
    for number in range(500):
        processes.submit(str(number), {"n": number})
    events = run.until_ended(processes, 500)
    for number in range(500):
        task = {"n": number}
        assert [e for e in events if e.key == str(number)] == [
            Emitted(str(number), ("got", task)),
            Finished(str(number), task),
        ]


def test_tasks_are_shared_among_the_workers(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.obey, workers=2)
    for key in "abcd":
        processes.submit(key, ("wait", None))
    events = run.until(processes, lambda events: len(events) == 4)
    pids = [_pid(events, key) for key in "abcd"]
    assert sorted(map(pids.count, set(pids))) == [2, 2]


def test_a_worker_has_many_tasks_in_flight(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.meet)
    for number in range(300):
        processes.submit(str(number), 300)
    assert len(run.until_ended(processes, 300)) == 300


def test_large_messages_pass_both_ways_at_once(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.echo, workers=2)
    for number in range(30):
        processes.submit(str(number), bytes([number]) * 2_000_000)
    events = run.until_ended(processes, 30)
    assert {e.key: e.value for e in events if isinstance(e, Finished)} == {
        str(number): bytes([number]) * 2_000_000 for number in range(30)
    }


def test_submitting_waits_for_no_worker(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.obey)
    processes.submit("who", ("return", None))
    worker = _pid(run.until_ended(processes, 1), "who")
    os.kill(worker, signal.SIGSTOP)
    for number in range(10):
        processes.submit(str(number), ("return", b"x" * 1_000_000))
        assert processes.events(0) == []
    os.kill(worker, signal.SIGCONT)
    assert len(run.until_ended(processes, 10)) == 20


def test_with_nothing_in_flight_there_is_nothing_to_wait_for(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.echo)
    assert processes.events(None) == []
    assert processes.events(0) == []


def test_a_killed_worker_loses_its_own_tasks_and_is_replaced(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.obey, workers=2)
    for key in ("a1", "b1", "a2", "b2"):
        processes.submit(key, ("wait", None))
    events = run.until(processes, lambda events: len(events) == 4)
    first, other = _pid(events, "a1"), _pid(events, "b1")
    os.kill(first, signal.SIGKILL)
    lost = run.until_ended(processes, 2)
    assert lost == [Lost(key, "its worker process was killed by SIGKILL") for key in ("a1", "a2")]
    processes.submit("a3", ("return", 7))
    events = run.until_ended(processes, 1)
    assert _pid(events, "a3") not in {first, other}
    assert events[-1] == Finished("a3", 7)
    assert psutil.pid_exists(other)


def test_a_task_that_ends_its_worker_is_lost_each_time_and_nothing_hangs(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.obey)
    for order, reason in (("die", "killed by SIGKILL"), ("leave", "ended before it answered"), ("die", "SIGKILL")):
        processes.submit(order, (order, None))
        (lost,) = (e for e in run.until_ended(processes, 1) if isinstance(e, Lost))
        assert reason in lost.reason


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (("raise", "row text"), r"ValueError at handlers.py:\d+"),
        (("exit", None), r"SystemExit at handlers.py:\d+"),
        (("raise ours", "the disk is full"), r"the disk is full"),
        (("unpicklable", None), r"its finished value cannot be pickled \(\w+\)"),
    ],
)
def test_a_task_that_fails_is_lost_with_a_reason_that_quotes_nothing(
    order: object, reason: str, run: Any, handlers: Any
) -> None:
    processes = run.start(handlers.obey)
    processes.submit("bad", order)
    processes.submit("good", ("return", 7))
    ended = {e.key: e for e in run.until_ended(processes, 2) if not isinstance(e, Emitted)}
    assert ended["good"] == Finished("good", 7)
    assert isinstance(ended["bad"], Lost)
    assert re.fullmatch(reason, ended["bad"].reason)


def test_a_recipe_that_fails_loses_every_task_with_its_reason(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.broken)
    for key in "ab":
        processes.submit(key, None)
    reason = "the worker cannot start: RuntimeError: no such thing"
    assert run.until_ended(processes, 2) == [Lost("a", reason), Lost("b", reason)]


def test_signals_to_the_whole_family_leave_the_work_to_the_runner(run: Any, handlers: Any) -> None:
    processes = run.start(handlers.obey, workers=2)
    processes.submit("a", ("return", 1))
    processes.submit("b", ("return", 2))
    worker = psutil.Process(_pid(run.until_ended(processes, 2), "a"))
    server = worker.parent()
    assert server is not None
    tracker: Any = resource_tracker._resource_tracker
    for process in (server, *server.children(recursive=True), psutil.Process(tracker._pid)):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    processes.submit("c", ("return", 3))
    processes.submit("d", ("return", 4))
    events = run.until_ended(processes, 2)
    assert {e.value for e in events if isinstance(e, Finished)} == {3, 4}
    assert worker.pid in {_pid(events, "c"), _pid(events, "d")}


def test_workers_outlive_their_forkserver_and_are_still_replaced(run: Any, handlers: Any, all_gone: Any) -> None:
    processes = run.start(handlers.obey)
    processes.submit("a", ("return", 1))
    worker = psutil.Process(_pid(run.until_ended(processes, 1), "a"))
    server = worker.parent()
    assert server is not None
    server.kill()
    assert all_gone([server])
    processes.submit("b", ("return", 2))
    assert _pid(run.until_ended(processes, 1), "b") == worker.pid
    processes.submit("c", ("die", None))
    run.until_ended(processes, 1)
    processes.submit("d", ("return", 4))
    assert run.until_ended(processes, 1)[-1] == Finished("d", 4)
    assert forkserver._forkserver._forkserver_pid != server.pid  # type: ignore[attr-defined]


def test_the_guard_is_held_as_long_as_a_worker_lives(run: Any, handlers: Any, tmp_path: Path) -> None:
    guard = tmp_path / "workers.lock"
    guard.touch()
    processes = run.start(handlers.obey, workers=2, guard=guard)
    for key in "ab":
        processes.submit(key, ("return", None))
    run.until_ended(processes, 2)
    assert not _lockable(guard)
    processes.close(kill=True)
    assert _lockable(guard)


def test_the_guard_is_held_by_a_child_that_outlives_its_worker(run: Any, handlers: Any, tmp_path: Path) -> None:
    guard = tmp_path / "workers.lock"
    guard.touch()
    processes = run.start(handlers.obey, guard=guard)
    processes.submit("a", ("holding child", None))
    child = next(int(str(e.value)) for e in run.until_ended(processes, 1) if isinstance(e, Finished))
    processes.close(kill=True)
    assert not _lockable(guard)
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not _lockable(guard):
        assert time.monotonic() < deadline


def test_a_worker_that_cannot_share_the_guard_does_no_work(run: Any, handlers: Any, tmp_path: Path) -> None:
    guard = tmp_path / "workers.lock"
    with guard.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        processes = run.start(handlers.echo, guard=guard)
        processes.submit("a", 1)
        (lost,) = run.until_ended(processes, 1)
    assert isinstance(lost, Lost)
    assert lost.reason.startswith("the worker cannot start: BlockingIOError")


def _lockable(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_machine_that_refuses_a_process_is_a_fault_that_leaves_none_behind(
    run: Any, handlers: Any, all_gone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.start(handlers.echo).close(kill=True)  # the forkserver runs
    before = set(psutil.Process().children(recursive=True))
    fork, calls = forkserver.connect_to_new_process, list[None]()

    def refuse_the_second(fds: list[int]) -> tuple[int, int]:
        calls.append(None)
        if len(calls) == 2:
            raise BlockingIOError("Resource temporarily unavailable")
        return fork(fds)

    monkeypatch.setattr(forkserver, "connect_to_new_process", refuse_the_second)
    with pytest.raises(TryLaterError, match="cannot start a worker process"):
        run.start(handlers.echo, workers=2)
    assert all_gone(list(set(psutil.Process().children(recursive=True)) - before))


@pytest.mark.parametrize("order", [("wait", None), ("block", 600)])
def test_closing_by_force_ends_workers_and_their_children_at_once(
    order: object, run: Any, handlers: Any, all_gone: Any
) -> None:
    processes = run.start(handlers.obey, workers=2)
    processes.submit("a", ("child", None))
    processes.submit("b", ("child", None))
    events = run.until_ended(processes, 2)
    family = [_pid(events, "a"), _pid(events, "b")]
    family += [int(str(e.value)) for e in events if isinstance(e, Finished)]
    living = [psutil.Process(pid) for pid in family]
    processes.submit("c", order)
    run.until(processes, lambda events: len(events) == 1)
    began = time.monotonic()
    processes.close(kill=True)
    assert all_gone(living)
    assert time.monotonic() - began < 2


def test_closing_gently_lets_what_is_in_flight_end(run: Any, handlers: Any, all_gone: Any) -> None:
    processes = run.start(handlers.obey)
    processes.submit("a", ("block", 0.2))
    worker = psutil.Process(_pid(run.until(processes, lambda events: len(events) == 1), "a"))
    processes.close(kill=False)
    assert all_gone([worker])
