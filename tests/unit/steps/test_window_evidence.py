"""Which refusals and meters mean that a backend's window is used up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waves.config.project import BackendConfig
from waves.models import Meter
from waves.outcomes import Snoozed
from waves.steps.budget.window_evidence import is_exhaustion, share_used_ending

HOUR = timedelta(hours=1)
CONFIG = BackendConfig("sub", "claude_cli", ("m",), window=5 * HOUR)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEKLY, FIVE_HOUR = (Meter(name, rejected=True) for name in ("seven_day_opus", "five_hour"))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Snoozed(NOW + HOUR, "", "quota"), True),
        (Snoozed(None, "", "quota"), False),
        (Snoozed(None, "", "quota", (FIVE_HOUR,)), True),
        (Snoozed(None, "", "quota", (WEEKLY,)), False),
        (Snoozed(NOW + HOUR, "", "quota", (FIVE_HOUR,)), True),
        (Snoozed(NOW + HOUR, "", "quota", (WEEKLY,)), False),
        (Snoozed(NOW + HOUR, "", "quota", (WEEKLY, FIVE_HOUR)), True),
        (Snoozed(NOW + HOUR, "", "quota", (Meter("overage", rejected=True),)), True),
        (Snoozed(NOW + 72 * HOUR, "", "quota"), False),
        (Snoozed(NOW + HOUR, "", "rate"), True),
        (Snoozed(NOW + HOUR / 6, "", "rate"), False),
        (Snoozed(None, "", "rate"), False),
        (Snoozed(None, "", "spend"), False),
        (Snoozed(NOW + HOUR, "", "spend"), False),
    ],
)
def test_which_refusals_mean_that_the_window_is_used_up(told: Snoozed, *, expected: bool) -> None:
    assert is_exhaustion(CONFIG, told, NOW) is expected
    assert not is_exhaustion(replace(CONFIG, window=None), told, NOW)


@pytest.mark.parametrize(
    ("meter", "ends"),
    [
        (Meter("five_hour", 0.74, resets_at=NOW + HOUR), False),
        (Meter("five_hour", 0.75, resets_at=NOW + HOUR), True),
        (Meter("five_hour", resets_at=NOW + HOUR, rejected=True), True),
        (Meter("five_hour", 0.9), False),
        (Meter("five_hour", 0.9, resets_at=NOW - HOUR), False),
        (Meter("seven_day", 0.9, resets_at=NOW + HOUR), False),
        (Meter("requests", 1.0, 0, NOW + HOUR), False),
    ],
)
def test_a_fire_ends_where_the_provider_says_that_our_share_used_ending(meter: Meter, *, ends: bool) -> None:
    ending = share_used_ending(CONFIG, [Meter("tokens"), meter], NOW)
    assert (ending is not None) is ends
    if ending is not None:
        assert (ending.state, ending.snoozed_until) == ("snoozed", NOW + HOUR)
        assert (ending.reason or "").endswith("of the window of backend sub is used; our share is 75%")
    assert share_used_ending(replace(CONFIG, window=None), [meter], NOW) is None
