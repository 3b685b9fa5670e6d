"""What goes out next: what is due, and at the very end, one for each worker, what a worker died with."""

from __future__ import annotations

from dataclasses import replace

from waves.steps.requests.in_flight import PendingRequest
from waves.steps.requests.policy import Try
from waves.steps.requests.queue import RequestQueue

WORKERS = 2


def pending(name: str, *, at: float = 0.0, alone: bool = False) -> PendingRequest:
    return PendingRequest(Try((name,), "m", alone=alone), {}, not_before=at)


def taken(queue: RequestQueue, at: float, in_flight: int = 0) -> str | None:
    request = queue.take(at, in_flight)
    return request.next_try.short_ids[0] if request else None


def test_requests_go_out_in_order_and_follow_ups_before_new_ones() -> None:
    queue = RequestQueue(WORKERS)
    queue.add(map(pending, "abc"))
    assert taken(queue, 0) == "a"
    queue.add_first(map(pending, "xy"))
    assert [taken(queue, 0, 5) for _ in range(5)] == ["x", "y", "b", "c", None]
    assert not queue


def test_what_has_to_wait_lets_others_pass_and_goes_out_once_its_time_has_come() -> None:
    queue = RequestQueue(WORKERS)
    queue.add_first([pending("late", at=20), pending("early", at=10)])
    queue.add([pending("now")])
    assert [taken(queue, 9.9) for _ in range(2)] == ["now", None]
    assert len(queue) == 2
    assert [taken(queue, 30) for _ in range(2)] == ["late", "early"]


def test_what_a_worker_died_with_goes_last_and_one_for_each_worker() -> None:
    queue = RequestQueue(WORKERS)
    queue.add_first([pending("k1", alone=True), pending("k2", alone=True), pending("k3", alone=True)])
    queue.add([pending("a"), pending("later", at=0)])
    assert taken(queue, 0) == "a"
    assert taken(queue, 0, 1) == "later"
    assert taken(queue, 0, 2) is None, "others are in flight"
    assert [taken(queue, 0, n) for n in range(3)] == ["k1", "k2", None]
    assert taken(queue, 0, 1) == "k3"


def test_nothing_joins_those_that_go_by_themselves() -> None:
    queue = RequestQueue(WORKERS)
    queue.add([pending("k1", alone=True)])
    assert taken(queue, 0) == "k1"
    queue.add([pending("a")])
    assert taken(queue, 0, 1) is None
    assert taken(queue, 0, 0) == "a"


def test_one_by_itself_that_has_to_wait_stays_by_itself() -> None:
    queue = RequestQueue(WORKERS)
    queue.add_first([replace(pending("k1", alone=True), not_before=5.0)])
    assert taken(queue, 0) is None
    assert taken(queue, 6, 1) is None
    assert taken(queue, 6, 0) == "k1"


def test_a_cleared_queue_is_false_whatever_lane_its_requests_were_in() -> None:
    queue = RequestQueue(WORKERS)
    assert not queue
    queue.add([pending("ready"), pending("alone", alone=True)])
    queue.add_first([pending("later", at=5)])
    assert len(queue) == 3
    queue.clear()
    assert not queue
