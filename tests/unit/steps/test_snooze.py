"""A backend sleeps until the provider's moment and a little, for every theme that uses it; a probe wakes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waves.models import Meter
from waves.outcomes import Snoozed
from waves.quota.pauses import FIRST_PAUSE, LONGEST, jitter
from waves.quota.window import margin
from waves.steps.budget.snooze import needs_probe, snooze_backend, snooze_ending, wake_backend
from waves.steps.session.session import Session
from waves.store.tables import windows

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.postgres


def hours(count: float) -> datetime:
    return datetime.now(UTC) + count * HOUR


def lasts(until: datetime | None) -> timedelta:
    assert until is not None
    return until - datetime.now(UTC)


def shift(session: Session, by: timedelta) -> None:
    """As if everything about the backend had been written so much earlier."""
    session.db.connection.execute(
        "UPDATE waves.backend_state SET snoozed_until = snoozed_until - %s, updated_at = updated_at - %s", [by, by]
    )


def test_a_backend_that_nobody_put_to_sleep_is_awake(session: Session) -> None:
    assert snooze_ending(session) is None
    assert not needs_probe(session)


def test_what_sleeps_is_found_asleep_by_the_next_fire(session: Session) -> None:
    until = hours(3)
    ending = snooze_backend(session, until, "429 until the window ends")
    wake = until + margin(None) + jitter(session.host, None)
    assert (ending.state, ending.snoozed_until) == ("snoozed", wake)
    assert ending.reason == f"backend provider sleeps until {wake:%Y-%m-%d %H:%M:%SZ}: 429 until the window ends"
    assert snooze_ending(session) == ending
    assert not needs_probe(session), "nobody asks a backend that sleeps"


def test_after_a_snooze_one_probe_goes_out_until_something_succeeds(session: Session) -> None:
    snooze_backend(session, hours(3), "429")
    shift(session, 4 * HOUR)
    assert snooze_ending(session) is None
    assert needs_probe(session)
    wake_backend(session)
    assert not needs_probe(session)


def test_pauses_grow_until_something_succeeds(session: Session) -> None:
    first = snooze_backend(session, None, "529")
    assert lasts(first.snoozed_until) <= FIRST_PAUSE
    shift(session, HOUR)
    second = snooze_backend(session, hours(-1), "a reset in the past tells nothing")
    assert FIRST_PAUSE < lasts(second.snoozed_until) <= 2 * FIRST_PAUSE
    shift(session, HOUR)
    wake_backend(session)
    assert lasts(snooze_backend(session, None, "529").snoozed_until) <= FIRST_PAUSE


def test_a_longer_snooze_of_another_fire_stays(session: Session) -> None:
    longer = snooze_backend(session, hours(5), "weekly limit")
    assert snooze_backend(session, hours(1), "429") == longer


def test_nobody_sleeps_for_ever(session: Session) -> None:
    assert lasts(snooze_backend(session, hours(24 * 400), "429").snoozed_until) <= LONGEST
    assert snooze_ending(session) is not None


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), HOUR, timedelta(days=30)])
def test_a_snooze_of_a_clock_that_was_ahead_is_not_believed(session: Session, ahead: timedelta) -> None:
    """The clock has been set back since. Nobody knows how long the snooze was meant to be; a probe finds out."""
    snooze_backend(session, hours(3), "429")
    shift(session, -ahead)
    assert snooze_ending(session) is None
    assert needs_probe(session)
    ending = snooze_backend(session, hours(1), "429")
    assert snooze_ending(session) == ending, "the shorter snooze of the right clock takes the place of the wrong one's"


def test_the_provider_s_own_words_about_the_window_are_kept(session: Session) -> None:
    windowed = replace(session, backend=replace(session.backend, window=5 * HOUR))
    end = hours(2)
    snooze_backend(windowed, end, "429", Snoozed(end, "429", "quota"))
    reported, evidence = windows.read_window(session.db, "provider")
    assert reported == end
    assert [(one.how, abs(lasts(one.start) + 3 * HOUR) < timedelta(minutes=2)) for one in evidence] == [
        ("exhausted", True)
    ]


def test_an_outage_says_nothing_about_the_window(session: Session) -> None:
    windowed = replace(session, backend=replace(session.backend, window=5 * HOUR))
    snooze_backend(windowed, None, "529")
    snooze_backend(windowed, hours(24 * 3), "429", Snoozed(hours(24 * 3), "a limit of another window", "quota"))
    snooze_backend(windowed, None, "429", Snoozed(None, "spend limit", "spend"))
    assert windows.read_window(session.db, "provider") == (None, [])


def test_without_a_moment_the_fixed_window_s_end_is_waited_for(session: Session) -> None:
    midnight = datetime.now(UTC).time().replace(hour=0, minute=0, second=0, microsecond=0)
    backend = replace(session.backend, window=timedelta(days=7), resets_at=midnight)
    told = Snoozed(None, "limit", "quota", (Meter("seven_day", rejected=True),))
    ending = snooze_backend(replace(session, backend=backend), None, "limit", told)
    assert ending.snoozed_until is not None
    today = datetime.now(UTC).date()
    monday = datetime.combine(today + timedelta(days=7 - today.weekday()), midnight, UTC)
    assert monday <= ending.snoozed_until <= monday + 2 * margin(None)
