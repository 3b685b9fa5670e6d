"""What is concluded about a submission from what its provider shows: above all, when it may be sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.backends.message_batches.wire import Batch, BatchResult, Listing, Problem
from waves.calls import Call, Intent, Sent
from waves.outcomes import Fatal, Retryable
from waves.spool.history import Submission
from waves.steps.submissions.lookup import (
    RESULTS_NOT_KEPT,
    NoResults,
    Ready,
    Running,
    candidates,
    custom_id,
    look_up,
    request_number,
)

AT = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
CALLS = ("c0", "c1", "c2")
INTENT = Intent("00112233aabbccdd", "batches", CALLS, AT)
AWAY = Problem(Retryable("outage", "HTTP 529"), arrived=False)


def minutes(n: float) -> datetime:
    return AT + timedelta(minutes=n)


def batch(batch_id: str = "b1", **different: Any) -> Batch:
    fields: dict[str, Any] = {"status": "ended", "requests": 3, "created_at": minutes(0.1), "seen_at": minutes(1)}
    return Batch(batch_id, **fields | different)


def submission(batch_id: str | None = None, *, whole: bool = True) -> Submission:
    calls = {
        n: Call(Sent(name, "v1-abcdef0", "m", "batches", (("1", name, "h"),), False, None, AT), "run-1")
        for n, name in enumerate(CALLS)
    }
    return Submission(INTENT, batch_id, calls, whole)


class Told:
    """A provider that shows what a test says; `bearing` are the batches whose results bear our intent.
    The results may be a `problem`, or `empty`."""

    def __init__(self, *shown: Batch, at: float = 1, bearing: tuple[str, ...] = (), **said: bool) -> None:
        self._shown = shown
        self._at = minutes(at)
        self._bearing = bearing
        self._said = said

    def since(self, moment: datetime) -> Listing | Problem:
        return Listing(tuple(one for one in self._shown if one.created_at >= moment), self._at)

    def look(self, batch_id: str) -> Batch | Problem:
        found = [one for one in self._shown if one.batch_id == batch_id]
        return found[0] if found else Problem(Fatal("configuration", "HTTP 404", ""), arrived=False, unknown=True)

    def results(self, batch_id: str) -> Iterator[BatchResult | Problem]:
        if self._said.get("problem"):
            yield AWAY
        yield BatchResult("", "unreadable")
        if self._said.get("empty"):
            return
        yield BatchResult(custom_id(INTENT, 2) if batch_id in self._bearing else "ffffffffffffffff-2", "succeeded")


def finding(told: Told, batch_id: str | None = None, *, whole: bool = True, ticketed: tuple[str, ...] = ()) -> object:
    return look_up(told, submission(batch_id, whole=whole), ticketed)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["in_progress", "canceling", "pondering", ""])
def test_a_candidate_that_runs_is_waited_for_however_long_it_takes(status: str) -> None:
    for at in (1.0, 31.0, 60 * 24 * 3.0):
        assert isinstance(finding(Told(batch(status=status), at=at)), Running)


@pytest.mark.parametrize(("at", "expected"), [(0, Running), (29.9, Running), (30, NoResults), (600, NoResults)])
def test_it_may_be_sent_again_only_after_half_an_hour_without_a_candidate(at: float, expected: type) -> None:
    no_candidates = [
        Told(at=at),
        Told(batch(requests=2), at=at),
        Told(batch(created_at=minutes(-5.1)), at=at),
        Told(batch(created_at=minutes(30.1)), at=at),
        Told(batch(), batch("b2"), at=at),  # both turn out foreign
    ]
    for told in no_candidates:
        found = finding(told)
        assert isinstance(found, expected)
        assert not isinstance(found, NoResults) or found.fate == "unpaid"


def test_it_is_adopted_by_its_custom_ids_wherever_it_stands() -> None:
    shown = [batch("b3"), batch("b2", created_at=minutes(-4.9)), batch("b1", created_at=minutes(29.9))]
    for mine in ("b1", "b2", "b3"):
        assert finding(Told(*shown, at=600, bearing=(mine,))) == Ready(mine, adopted=True, all_there=False)


def test_what_another_submission_has_a_ticket_for_is_no_candidate() -> None:
    assert isinstance(finding(Told(batch(), at=31, bearing=("b1",)), ticketed=("b1",)), NoResults)


def test_one_that_may_have_been_ours_and_is_not_kept_any_more_may_have_been_paid() -> None:
    assert finding(Told(batch("b2"), batch(gone=True), at=600)) == RESULTS_NOT_KEPT
    assert isinstance(finding(Told(batch(gone=True), at=29)), Running)
    assert finding(Told(batch("b2"), batch(gone=True), at=600, bearing=("b2",))) == Ready(
        "b2", adopted=True, all_there=False
    )
    assert isinstance(finding(Told(batch("b2", status="in_progress"), batch(gone=True), at=600)), Running)


def test_results_that_cannot_be_read_leave_the_question_open() -> None:
    assert finding(Told(batch(), at=600, bearing=("b1",), problem=True)) == AWAY


def test_what_was_not_whole_on_the_disk_never_went_out() -> None:
    assert finding(Told(batch(), bearing=("b1",)), whole=False) == NoResults("unpaid", "never handed over")


@pytest.mark.parametrize(
    ("ended", "at", "all_there"),
    [
        (0.2, 1, False),
        (0.2, 60 * 24, False),
        (0.2, 60 * 24 + 0.2, True),
        (None, 60 * 48 - 1, False),
        (None, 60 * 48, True),
        (60 * 24 * 365.0, 60 * 24 * 29, False),
        (60 * 24 * 365.0, 60 * 24 * 29 + 1, True),
    ],
)
def test_a_missing_result_may_come_for_a_day_after_the_end_of_its_batch(
    ended: float | None, at: float, all_there: bool
) -> None:
    shown = batch(ended_at=None if ended is None else minutes(ended), seen_at=minutes(at))
    assert finding(Told(shown), "b1") == Ready("b1", adopted=False, all_there=all_there)


def test_one_without_any_result_may_be_ours_and_is_waited_for_for_a_day() -> None:
    for at, expected in ((31, Running), (60 * 24 + 1, NoResults)):
        found = finding(Told(batch(ended_at=minutes(0.2), seen_at=minutes(at)), at=at, empty=True))
        assert isinstance(found, expected)
        assert not isinstance(found, NoResults) or found == RESULTS_NOT_KEPT


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (batch(), Ready("b1", adopted=False, all_there=False)),
        (batch(status="in_progress"), Running("in progress")),
        (batch(status="pondering"), Running("pondering")),
        (batch(status="row\ntext"), Running("in an unknown state")),
        (batch(gone=True), NoResults("maybe_paid", "the provider does not keep its results any more")),
        (
            batch(status="in_progress", seen_at=AT + timedelta(days=30)),
            NoResults("maybe_paid", "the provider does not keep its results any more"),
        ),
    ],
    ids=["ended", "running", "unknown state", "no word", "archived", "never ended"],
)
def test_one_with_a_ticket_is_looked_at(shown: Batch, expected: object) -> None:
    assert finding(Told(shown), "b1") == expected


def test_a_ticket_that_the_provider_does_not_know_is_for_a_person() -> None:
    found = finding(Told(), "b1")
    assert isinstance(found, Problem)
    assert isinstance(found.outcome, Fatal)
    assert "b1" in found.outcome.message
    assert "workspace" in found.outcome.hint


@given(st.integers(0, 99_999))
def test_a_custom_id_leads_back_to_its_request(number: int) -> None:
    intent = Intent("00112233aabbccdd", "batches", CALLS * 33_334, AT)
    name = custom_id(intent, number)
    assert request_number(intent, name) == number
    assert len(name) <= 64


@given(st.text() | st.from_regex(r"00112233aabbccdd-\S*"))
def test_no_other_name_leads_to_a_request(name: str) -> None:
    number = request_number(INTENT, name)
    assert number is None or (0 <= number < len(CALLS) and custom_id(INTENT, number) == name)


@given(st.lists(st.builds(batch, st.text(min_size=1), requests=st.integers(0, 4), gone=st.booleans())))
def test_a_candidate_has_as_many_requests_and_no_ticket(shown: list[Batch]) -> None:
    ticketed = {one.batch_id for one in shown[::2]}
    for one in candidates(INTENT, Listing(tuple(shown), minutes(1)), ticketed):
        assert (one.requests, one.batch_id in ticketed) == (3, False)
