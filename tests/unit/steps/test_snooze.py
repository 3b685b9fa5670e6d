"""A backend sleeps until the provider's moment and a little, bounded, for every theme that uses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from waves.steps import snooze as steps
from waves.steps.session import Session
from waves.steps.snooze import LONGEST, MARGIN, UNKNOWN, snooze, snoozed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "now", lambda: NOW)


def test_a_backend_that_nobody_put_to_sleep_is_awake(session: Session) -> None:
    assert snoozed(session) is None


def test_the_provider_s_moment_is_kept_with_a_margin_that_differs_from_host_to_host(session: Session) -> None:
    until = NOW + timedelta(hours=3)
    ending = snooze(session, until, "429 until the window ends")
    assert ending.state == "snoozed"
    assert ending.snoozed_until is not None
    assert until + MARGIN <= ending.snoozed_until < until + MARGIN + timedelta(minutes=1)
    assert f"{ending.snoozed_until:%Y-%m-%d %H:%M:%SZ}: 429 until the window ends" in (ending.reason or "")
    assert snooze(session, until, "again").snoozed_until == ending.snoozed_until, "the same on the same host"
    hosts = {steps._jitter(f"host-{n}") for n in range(50)}
    assert len(hosts) > 20
    assert max(hosts) < timedelta(minutes=1)


def test_a_provider_that_names_no_moment_is_asked_again_soon(session: Session) -> None:
    assert snooze(session, None, "529").snoozed_until == NOW + UNKNOWN


def test_nobody_sleeps_for_ever(session: Session) -> None:
    assert snooze(session, NOW + timedelta(days=400), "429").snoozed_until == NOW + LONGEST


def test_what_sleeps_is_found_asleep_by_the_next_fire(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    real = datetime.now(UTC)
    monkeypatch.setattr(steps, "now", lambda: real)
    ending = snooze(session, real + timedelta(hours=1), "429")
    found = snoozed(session)
    assert found is not None
    assert (found.state, found.snoozed_until) == ("snoozed", ending.snoozed_until)
