"""What the headers of an answer report about limits, and those of a 429 about its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from waves.backends.anthropic.limits import LONGEST_SNOOZE, meters_of, reset_time
from waves.models import Meter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)
EPOCH = str(int(LATER.timestamp()))


def limits(**values: str) -> dict[str, str]:
    """`limits(requests_limit="5")`: headers of the family."""
    return {f"anthropic-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("headers", "meters"),
    [
        ({}, []),
        ({"retry-after": "5", "content-type": "text/html"}, []),
        (
            limits(requests_limit="50", requests_remaining="40", requests_reset="2026-11-20T17:00:00Z"),
            [Meter("requests", 0.2, 40, LATER)],
        ),
        (
            limits(input_tokens_limit="0", input_tokens_remaining="0", output_tokens_remaining="7"),
            [Meter("input-tokens", None, 0), Meter("output-tokens", None, 7)],
        ),
        (limits(tokens_remaining="9" * 400, tokens_limit="5"), [Meter("tokens")]),
        (limits(tokens_remaining="many", tokens_reset="soon", tokens_limit="1e3"), [Meter("tokens")]),
        (limits(requests_limit="10", requests_remaining="-3"), [Meter("requests", 1.0, -3)]),
        (
            limits(unified_5h_utilization="0.42", unified_5h_reset=EPOCH, unified_5h_status="allowed"),
            [Meter("five_hour", 0.42, None, LATER)],
        ),
        (
            limits(unified_7d_utilization="1.02", unified_7d_status="rejected", unified_7d_oi_status="rejected"),
            [Meter("seven_day", 1.02, rejected=True), Meter("7d-oi", rejected=True)],
        ),
        (limits(unified_5h_utilization="nan", unified_5h_reset="inf"), [Meter("five_hour")]),
        (
            limits(
                unified_status="rejected",
                unified_reset=EPOCH,
                unified_representative_claim="five_hour",
                unified_fallback_percentage="0.5",
                unified_overage_status="rejected",
                unified_overage_disabled_reason="out_of_credits",
            ),
            [],
        ),
        (limits(cows_remaining="0"), []),
    ],
)
def test_each_limit_that_the_headers_tell_of_has_a_meter(headers: dict[str, str], meters: list[Meter]) -> None:
    assert list(meters_of(headers)) == meters


def _reset(name: str, seconds: float) -> dict[str, str]:
    return {f"anthropic-ratelimit-{name}-reset": (NOW + timedelta(seconds=seconds)).isoformat()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"anthropic-ratelimit-tokens-reset": "tomorrow"}, None),
        ({"anthropic-ratelimit-unified-reset": "inf"}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "0.5"}, 1),
        ({"retry-after": "-5"}, 1),
        ({"retry-after": "Fri, 20 Nov 2026 12:05:00 GMT"}, 300),
        ({"retry-after": "1e300"}, LONGEST_SNOOZE.total_seconds()),
        ({"retry-after": "20", **_reset("tokens", 900)}, 20),
        ({**_reset("requests", 60), **_reset("tokens", 900)}, 900),
        ({**_reset("requests", 60), **_reset("tokens", 900), "anthropic-ratelimit-requests-remaining": "0"}, 60),
        ({**_reset("requests", 60), "anthropic-ratelimit-requests-remaining": "12"}, None),
        (_reset("requests", -3600), 1),
        (_reset("requests", 10**8), LONGEST_SNOOZE.total_seconds()),
        ({"anthropic-ratelimit-requests-reset": "2026-11-20T12:01:00Z"}, 60),
        ({"anthropic-ratelimit-unified-reset": str(NOW.timestamp() + 18_000)}, 18_000),
    ],
)
def test_when_a_rate_limit_ends(headers: dict[str, str], seconds: float | None) -> None:
    assert reset_time(headers, NOW) == (None if seconds is None else NOW + timedelta(seconds=seconds))
