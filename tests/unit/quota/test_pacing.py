"""Requests in flight: fewer after a refusal, more after answers, none while the provider has nothing left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.models import Meter
from waves.outcomes import Answered, Outcome, Retryable, Snoozed
from waves.quota.pacing import BELIEVED, DEFAULT_WAIT, MAX_WAIT, Pace

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Answered()


def refused(seconds: float | None = 0.0) -> Snoozed:
    return Snoozed(None if seconds is None else NOW + timedelta(seconds=seconds), "429")


def meter(
    remaining: int | None, seconds: float | None = 20.0, limit: str = "requests", used: float | None = None
) -> Meter:
    return Meter(limit, used, remaining, None if seconds is None else NOW + timedelta(seconds=seconds))


def after(pace: Pace, outcomes: Sequence[Outcome], at: float = 0.0, meters: Sequence[Meter] = ()) -> Pace:
    for outcome in outcomes:
        pace.heard(outcome, meters, at, NOW)
    return pace


def burst(pace: Pace, in_flight: int, at: float = 0.0) -> None:
    """All that is in flight is refused at once."""
    after(pace, [refused()] * in_flight, at)


def test_all_places_are_free_until_somebody_refuses() -> None:
    assert Pace(6).places(0.0) == 6
    assert after(Pace(6), [GOOD] * 100).places(0.0) == 6
    assert after(Pace(6), [Retryable("outage", "529")] * 100).places(0.0) == 6


def test_a_burst_of_refusals_halves_the_places_once() -> None:
    pace = Pace(16)
    burst(pace, 16)
    assert pace.places(0.0) == 8
    burst(pace, 8)
    assert pace.places(0.0) == 4


def test_as_many_answers_as_there_are_places_open_one_more() -> None:
    pace = after(Pace(16), [refused()])
    assert after(pace, [GOOD] * 7).places(0.0) == 8
    assert after(pace, [GOOD]).places(0.0) == 9
    assert after(pace, [GOOD] * 9).places(0.0) == 10
    assert after(pace, [GOOD] * 1000).places(0.0) == 16


def test_a_refusal_begins_the_count_of_answers_anew() -> None:
    pace = after(Pace(4), [refused(), GOOD, GOOD, GOOD])
    after(pace, [refused(), GOOD])
    assert pace.places(0.0) == 2, "1 place, and one answer for it"


@pytest.mark.parametrize(
    ("seconds", "held"),
    [(20, 20.0), (0.5, 0.5), (-3600, 0.0), (None, DEFAULT_WAIT), (10**7, MAX_WAIT)],
)
def test_nothing_leaves_until_the_moment_that_the_refusal_names(seconds: float | None, held: float) -> None:
    pace = after(Pace(8), [refused(seconds)], at=100.0)
    if held:
        assert pace.places(100.0) == 0
        assert pace.places(100.0 + held - 0.01) == 0
    assert pace.places(100.0 + held) == 4


def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    pace = after(Pace(8), [refused(20), refused(2)])
    assert pace.places(19.9) == 0


def test_nothing_leaves_while_a_meter_says_that_nothing_is_left() -> None:
    for spent in (meter(0), meter(-1), meter(0, limit="input-tokens"), meter(None, used=1.0, limit="five_hour")):
        pace = after(Pace(8), [GOOD], at=100.0, meters=[spent])
        assert pace.places(119.9) == 0, spent
        assert pace.places(120.0) == 8, spent
    rejected = Meter("five_hour", resets_at=NOW + timedelta(seconds=20), rejected=True)
    assert after(Pace(8), [GOOD], meters=[rejected]).places(0.0) == 0


def test_no_more_leave_than_the_provider_has_left() -> None:
    pace = after(Pace(8), [GOOD], meters=[meter(3), meter(7, limit="input-tokens")])
    assert pace.places(0.0) == 3
    after(pace, [GOOD], meters=[meter(5)])
    assert pace.places(0.0) == 3, "an answer that was overtaken says nothing new"
    after(pace, [GOOD], meters=[meter(1)])
    assert pace.places(0.0) == 1
    assert pace.places(20.0) == 8
    after(pace, [GOOD], at=1.0, meters=[meter(500, seconds=80)])
    assert pace.places(1.0) == 8, "the next period has begun"


@pytest.mark.parametrize("seconds", [3600.0, 10.0**7])
def test_a_broken_meter_does_not_hold_for_ever(seconds: float) -> None:
    pace = after(Pace(8), [GOOD], meters=[meter(0, seconds)])
    assert pace.places(BELIEVED - 0.1) == 0
    assert pace.places(BELIEVED) == 8
    after(pace, [GOOD], at=BELIEVED, meters=[meter(500, seconds)])
    assert pace.places(BELIEVED) == 8


@pytest.mark.parametrize("harmless", [meter(0, None), meter(0, -5), meter(None), meter(None, used=0.99), meter(500)])
def test_a_meter_that_names_no_future_moment_or_leaves_enough_holds_nothing(harmless: Meter) -> None:
    assert after(Pace(8), [GOOD], meters=[harmless]).places(0.0) == 8


def test_a_clock_that_is_set_back_does_not_hold_longer() -> None:
    """The wait is measured when the refusal arrives; afterwards only the monotonic clock counts."""
    pace = after(Pace(8), [refused(20)])
    pace.heard(GOOD, [], 5.0, NOW - timedelta(hours=1))
    assert pace.places(20.0) == 4


seconds = st.none() | st.floats(-1e6, 1e6)
outcomes = st.just(GOOD) | seconds.map(refused) | st.just(Retryable("timeout", "slow"))
limits = st.sampled_from(["requests", "tokens", "five_hour"])
meters = st.builds(meter, st.none() | st.integers(-5, 5000), seconds, limits, st.none() | st.floats(0, 2))
ends = st.lists(st.tuples(outcomes, st.lists(meters, max_size=3), st.floats(0, 100)), max_size=60)


@given(st.integers(-1, 64), ends)
def test_places_stay_within_bounds_and_every_hold_ends(
    most: int, ended: list[tuple[Outcome, list[Meter], float]]
) -> None:
    pace, at = Pace(most), 0.0
    for outcome, reported, passed in ended:
        at += passed
        pace.heard(outcome, reported, at, NOW)
        assert 0 <= pace.places(at) <= max(1, most)
    assert 1 <= pace.places(at + MAX_WAIT) <= max(1, most)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 200))
def test_a_provider_that_bears_so_many_at_once_is_asked_for_half_of_them_at_least(
    most: int, bears: int, rounds: int
) -> None:
    pace = Pace(most)
    for _ in range(rounds):
        sent = pace.places(0.0)
        after(pace, [GOOD if number < bears else refused() for number in range(sent)])
        assert pace.places(0.0) >= min(most, bears) // 2
