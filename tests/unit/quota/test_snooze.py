"""How long a backend is snoozed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.quota.pauses import FIRST_PAUSE, LONGEST, LONGEST_PAUSE, jitter, wake_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def wake(until: datetime | None, pauses: int = 0, length: timedelta | None = None, host: str = "a") -> timedelta:
    """How long from now."""
    return wake_at(until, NOW, pauses=pauses, length=length, host=host) - NOW


def test_the_provider_s_moment_gets_a_minute_and_as_much_again_that_differs_from_host_to_host() -> None:
    assert 3 * HOUR + MINUTE <= wake(NOW + 3 * HOUR) < 3 * HOUR + 2 * MINUTE
    assert wake(NOW + 3 * HOUR) == wake(NOW + 3 * HOUR)
    assert len({jitter(f"host-{n}", None) for n in range(50)}) > 20


def test_a_short_window_has_a_short_margin() -> None:
    length = timedelta(seconds=20)
    assert timedelta(seconds=20.4) <= wake(NOW + length, length=length) < timedelta(seconds=20.8)
    assert wake(None, length=length) == length
    assert wake(None, length=timedelta(hours=5)) == FIRST_PAUSE


@pytest.mark.parametrize("until", [None, NOW, NOW - HOUR, NOW - timedelta(days=400)])
def test_without_a_moment_ahead_each_pause_is_twice_as_long(until: datetime | None) -> None:
    waits = [wake(until, pauses) for pauses in range(8)]
    assert waits[:5] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE, 16 * FIRST_PAUSE]
    assert waits[5:] == [LONGEST_PAUSE] * 3
    assert wake(until, 10**6) == LONGEST_PAUSE


@given(
    st.none() | st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.integers(0, 1000),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
    st.text(),
)
def test_nobody_sleeps_for_ever_or_not_at_all(
    until: datetime | None, pauses: int, length: timedelta | None, host: str
) -> None:
    assert timedelta() < wake(until, pauses, length, host) <= LONGEST
