"""Windows by the clock, what is learned of their capacity, and how many keys they have left."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.models import Evidence, KeysSent
from waves.quota.window import (
    KEPT,
    RECENT,
    WindowUse,
    current,
    free_at,
    learned,
    memory,
    remember,
    slack,
    weigh_evidence,
)

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
FIVE = 5 * HOUR
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "resets_at", "now", "start", "end"),
    [
        (FIVE, time(23), "2026-11-20 23:00", "2026-11-20 23:00", "2026-11-21 04:00"),
        (FIVE, time(23), "2026-11-20 22:59:59", "2026-11-20 19:00", "2026-11-20 23:00"),  # cut short by the next day's
        (FIVE, time(23), "2026-11-21 00:30", "2026-11-20 23:00", "2026-11-21 04:00"),  # across midnight
        (FIVE, time(0), "2026-11-20 12:00", "2026-11-20 10:00", "2026-11-20 15:00"),
        (FIVE, time(1), "2026-03-29 02:30", "2026-03-29 01:00", "2026-03-29 06:00"),  # clocks change elsewhere
        (FIVE, time(1), "2026-10-25 01:30", "2026-10-25 01:00", "2026-10-25 06:00"),
        (DAY, time(8), "2026-11-20 07:59", "2026-11-19 08:00", "2026-11-20 08:00"),
        (HOUR, time(8, 30), "2026-12-31 23:45", "2026-12-31 23:30", "2027-01-01 00:30"),
        (7 * DAY, time(9), "2026-11-23 08:59", "2026-11-16 09:00", "2026-11-23 09:00"),  # a Monday
        (7 * DAY, time(9), "2026-11-23 09:00", "2026-11-23 09:00", "2026-11-30 09:00"),
        (7 * DAY, time(9), "2026-11-29 23:00", "2026-11-23 09:00", "2026-11-30 09:00"),
        (2 * DAY, time(0), "1970-01-01 00:00", "1970-01-01 00:00", "1970-01-03 00:00"),
    ],
)
def test_a_fixed_window_begins_at_its_time_of_day(
    length: timedelta, resets_at: time, now: str, start: str, end: str
) -> None:
    window = current(length, resets_at, None, at(now))
    assert (window.kind, window.start, window.end) == ("fixed", at(start), at(end))


@given(
    st.timedeltas(60 * SECOND, 30 * DAY),
    st.none() | st.times().map(lambda moment: moment.replace(second=0, microsecond=0)),
    st.none() | st.timedeltas(-40 * DAY, 40 * DAY),
    st.timedeltas(-400 * DAY, 400 * DAY),
)
def test_now_is_always_in_its_window(
    length: timedelta, resets_at: time | None, reported: timedelta | None, shift: timedelta
) -> None:
    now = NOW + shift
    window = current(length, resets_at, None if reported is None else now + reported, now)
    assert window.start <= now
    assert now - window.start <= length + slack(length)
    if window.end is not None:
        assert now < window.end <= window.start + length + slack(length)


@given(st.timedeltas(60 * SECOND, 30 * DAY), st.times().map(lambda moment: moment.replace(second=0, microsecond=0)))
def test_fixed_windows_follow_each_other_without_a_gap(length: timedelta, resets_at: time) -> None:
    moments = [NOW]
    for _ in range(12):
        end = current(length, resets_at, None, moments[-1]).end
        assert end is not None
        moments.append(end)
    for earlier, later in pairwise(moments[1:]):
        assert current(length, resets_at, None, earlier).start == earlier
        assert current(length, resets_at, None, earlier).end == later


def test_the_end_that_the_provider_names_is_the_truth_while_it_lies_ahead() -> None:
    end = NOW + 2 * HOUR
    for resets_at in (None, time(9)):
        window = current(FIVE, resets_at, end, NOW)
        assert (window.kind, window.start, window.end) == ("reported", end - FIVE - slack(FIVE), end)


def test_an_end_that_is_further_off_than_a_window_is_long_is_another_limit_s_or_a_wrong_clock_s() -> None:
    assert current(FIVE, None, NOW + 6 * HOUR, NOW).kind == "rolling"
    assert current(FIVE, time(9), NOW + 3 * DAY, NOW).kind == "fixed"


def test_a_clock_that_is_set_back_by_an_hour_stays_within_the_window() -> None:
    """The reported end is an hour further off than it was; beyond a window's length it is not believed."""
    assert current(FIVE, None, NOW + 4 * HOUR, NOW - HOUR).end == NOW + 4 * HOUR
    assert current(FIVE, None, NOW + FIVE, NOW - HOUR).kind == "rolling"


def test_what_was_sent_before_the_last_window_ended_does_not_count_in_a_rolling_one() -> None:
    assert current(FIVE, None, NOW - HOUR, NOW).start == NOW - HOUR
    assert current(FIVE, None, NOW - 6 * HOUR, NOW).start == NOW - FIVE
    assert current(FIVE, None, None, NOW).start == NOW - FIVE


def test_a_rolling_window_is_free_when_its_last_request_drops_out() -> None:
    window = current(FIVE, None, None, NOW)
    assert free_at(window, FIVE, KeysSent(5, 5, 1, NOW - HOUR), NOW) == NOW + 4 * HOUR
    assert free_at(window, FIVE, KeysSent(5, 5, 1, NOW + HOUR), NOW) == NOW + FIVE, "a clock that was ahead"
    assert free_at(window, FIVE, KeysSent(), NOW) == NOW + FIVE
    assert free_at(current(FIVE, time(9), None, NOW), FIVE, KeysSent(), NOW) == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("holding", "left"),
    [
        (WindowUse(None, 0.75), None),
        (WindowUse(None, 0.75, used=10**6), None),
        (WindowUse(950, 0.75), 712),
        (WindowUse(100, 0.29), 29),  # 100 * 0.29 is 28.999…
        (WindowUse(950, 0.75, used=700, reserved=12), 0),
        (WindowUse(950, 0.75, used=700), 12),
        (WindowUse(950, 0.75, used=2000), 0),
        (WindowUse(1, 0.75), 1),
        (WindowUse(950, 1.0, reserved=50), 900),
        (WindowUse(None, 0.75, seen=0.8), 0),
        (WindowUse(None, 0.75, seen=0.5), None),
        (WindowUse(1000, 0.75, used=100, seen=0.75), 0),
        (WindowUse(1000, 0.75, used=100, seen=0.5), 250),  # somebody else used 400
        (WindowUse(1000, 0.75, used=300, seen=0.5, since=200), 50),
        (WindowUse(1000, 0.75, used=700, seen=0.1), 50),
    ],
)
def test_what_a_window_still_holds_for_us(holding: WindowUse, left: int | None) -> None:
    assert holding.left == left


@given(
    st.none() | st.integers(1, 10**6),
    st.floats(0.01, 1),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.none() | st.floats(0, 2),
)
def test_never_more_than_our_share(
    capacity: int | None, share: float, used: int, reserved: int, seen: float | None
) -> None:
    left = WindowUse(capacity, share, used, reserved, seen).left
    if capacity is None:
        assert left in {None, 0}
    else:
        assert left is not None
        assert left == 0 or left + used + reserved <= max(1, capacity * share + 1e-6)


def exhausted(hours_ago: float, keys: int, requests: int = 10) -> tuple[Evidence, KeysSent]:
    moment = NOW - hours_ago * HOUR
    return Evidence(moment - HOUR, moment, "exhausted"), KeysSent(keys, keys, requests, moment)


def utilised(hours_ago: float, keys: int, used: float) -> tuple[Evidence, KeysSent]:
    moment = NOW - hours_ago * HOUR
    return Evidence(moment - HOUR, moment, "utilisation", used), KeysSent(keys, keys, 10, moment)


@pytest.mark.parametrize(
    ("observed", "capacity"),
    [
        ([], None),
        ([exhausted(10, 948)], 948),
        ([exhausted(20, 1000), exhausted(10, 948)], 948),
        ([exhausted(20 + n, 300 if n == RECENT else 900 + n) for n in range(RECENT, -1, -1)], 900),
        ([exhausted(24 * 20, 500), exhausted(10, 948)], 948),
        # false alarms: a fresh window, or one that had been seen to hold far more
        ([exhausted(10, 0, requests=0)], None),
        ([exhausted(10, 24, requests=2)], None),
        ([exhausted(20, 24, requests=2), exhausted(10, 26, requests=2)], 24),  # it happens again: so it is true
        ([exhausted(20, 24, requests=2), exhausted(10, 0, requests=0)], None),
        ([exhausted(30, 950), exhausted(20, 24, requests=2), exhausted(10, 26, requests=2)], 950),
        ([exhausted(20, 950), exhausted(10, 24, requests=4)], 950),
        ([utilised(20, 400, 0.5), exhausted(10, 24, requests=4)], 800),
        ([exhausted(20, 950), exhausted(10, 400)], 400),
        # utilisation, where nothing was ever refused
        ([utilised(10, 300, 0.25)], 1200),
        ([utilised(20, 300, 0.25), utilised(10, 500, 0.5)], 1000),
        ([utilised(20, 300, 0.25), exhausted(10, 948)], 948),
        ([utilised(10, 3, 0.01)], None),
        ([utilised(10, 0, 0.9)], None),
        # a clock that was ahead
        ([exhausted(-24, 500), exhausted(10, 948)], 948),
    ],
)
def test_capacity_is_learned_from_how_windows_ended(
    observed: list[tuple[Evidence, KeysSent]], capacity: int | None
) -> None:
    assert learned(weigh_evidence(observed, FIVE, NOW)) == capacity


def test_evidence_that_is_not_believed_says_why() -> None:
    judged = weigh_evidence([exhausted(20, 950), exhausted(10, 24, requests=4), exhausted(5, 0, requests=0)], FIVE, NOW)
    doubts = [evidence.doubt for evidence in judged]
    assert doubts == [None, "a false alarm: another window held 950 keys", "a false alarm: the window was fresh"]


def test_evidence_is_kept_within_bounds_and_forgotten() -> None:
    known: list[Evidence] = []
    for n in range(100):
        known = remember(known, exhausted(100 - n, 1)[0], FIVE)
    assert len(known) == KEPT
    assert [evidence.at for evidence in known] == sorted(evidence.at for evidence in known)
    late = Evidence(NOW + 20 * DAY, NOW + 20 * DAY, "exhausted")
    assert remember(known, late, FIVE) == [late]
    assert memory(7 * DAY) == 56 * DAY


def test_of_one_window_the_newest_word_counts() -> None:
    start = NOW - HOUR
    first, second = Evidence(start, NOW, "utilisation", 0.2), Evidence(start + SECOND, NOW + HOUR, "utilisation", 0.4)
    refused = Evidence(start, NOW + HOUR, "exhausted")
    assert remember([first], second, FIVE) == [second]
    assert remember([second], refused, FIVE) == [second, refused]
    other = Evidence(start + 2 * slack(FIVE) + SECOND, NOW + HOUR, "utilisation", 0.1)
    assert remember([first], other, FIVE) == [first, other]
