"""What goes out next: what is due, and at the very end, one for each worker, what a worker died with."""

from __future__ import annotations

from dataclasses import replace

from waves.steps.requests.in_flight import PendingRequest
from waves.steps.requests.policy import Try
from waves.steps.requests.queue import RequestQueue

WORKERS = 2


def question(name: str, *, at: float = 0.0, alone: bool = False) -> PendingRequest:
    return PendingRequest(Try((name,), "m", alone=alone), {}, not_before=at)


def taken(pile: RequestQueue, at: float, in_flight: int = 0) -> str | None:
    found = pile.take(at, in_flight)
    return found.this.short_ids[0] if found else None


def test_questions_go_out_in_order_and_follow_ups_before_new_ones() -> None:
    pile = RequestQueue(WORKERS)
    pile.add(map(question, "abc"))
    assert taken(pile, 0) == "a"
    pile.add_first(map(question, "xy"))
    assert [taken(pile, 0, 5) for _ in range(5)] == ["x", "y", "b", "c", None]
    assert not pile


def test_what_has_to_wait_lets_others_pass_and_goes_out_once_its_time_has_come() -> None:
    pile = RequestQueue(WORKERS)
    pile.add_first([question("late", at=20), question("early", at=10)])
    pile.add([question("now")])
    assert [taken(pile, 9.9) for _ in range(2)] == ["now", None]
    assert len(pile) == 2
    assert [taken(pile, 30) for _ in range(2)] == ["late", "early"]


def test_what_a_worker_died_with_goes_last_and_one_for_each_worker() -> None:
    pile = RequestQueue(WORKERS)
    pile.add_first([question("k1", alone=True), question("k2", alone=True), question("k3", alone=True)])
    pile.add([question("a"), question("later", at=0)])
    assert taken(pile, 0) == "a"
    assert taken(pile, 0, 1) == "later"
    assert taken(pile, 0, 2) is None, "others are in flight"
    assert [taken(pile, 0, n) for n in range(3)] == ["k1", "k2", None]
    assert taken(pile, 0, 1) == "k3"


def test_nothing_joins_those_that_go_by_themselves() -> None:
    pile = RequestQueue(WORKERS)
    pile.add([question("k1", alone=True)])
    assert taken(pile, 0) == "k1"
    pile.add([question("a")])
    assert taken(pile, 0, 1) is None
    assert taken(pile, 0, 0) == "a"


def test_one_by_itself_that_has_to_wait_stays_by_itself() -> None:
    pile = RequestQueue(WORKERS)
    pile.add_first([replace(question("k1", alone=True), not_before=5.0)])
    assert taken(pile, 0) is None
    assert taken(pile, 6, 1) is None
    assert taken(pile, 6, 0) == "k1"


def test_an_empty_pile_is_false_and_a_probe_counts() -> None:
    pile = RequestQueue(WORKERS)
    assert not pile
    pile.probe = question("p")
    assert len(pile) == 1
    pile.clear()
    assert not pile
