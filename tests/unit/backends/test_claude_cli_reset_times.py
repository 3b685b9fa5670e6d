"""When a limit ends, from the tool's message: with and without a zone, today or tomorrow, across a change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from waves.backends.claude_cli.reset_times import reset_in

NOW = "2026-11-21T12:00:00"
CASES = [
    # text, now, expected; all in UTC
    ("Claude AI usage limit reached|1795266000", NOW, "2026-11-21T13:00:00"),
    ("Claude AI usage limit reached|1795266000000", NOW, "2026-11-21T13:00:00"),
    ("Claude AI usage limit reached|1755615600", NOW, "2026-11-21T12:00:01"),  # in the past: over
    ("Claude AI usage limit reached|4000000000", NOW, None),  # out of reach
    ("5-hour limit reached ∙ resets 3pm", NOW, "2026-11-21T15:00:00"),
    ("5-hour limit reached ∙ resets 5am", NOW, "2026-11-22T05:00:00"),  # tomorrow
    ("5-hour limit reached ∙ resets 12pm", NOW, "2026-11-21T12:00:01"),
    ("5-hour limit reached ∙ resets 12am", NOW, "2026-11-22T00:00:00"),
    ("resets 11:30am", NOW, "2026-11-21T12:00:01"),  # just passed
    ("resets 10:59am", NOW, "2026-11-22T10:59:00"),
    ("You've hit your session limit · resets 3:50pm (Asia/Tokyo)", NOW, "2026-11-22T06:50:00"),
    ("You've hit your limit · resets 1pm (Europe/Lisbon)", NOW, "2026-11-21T13:00:00"),
    ("You've hit your 5-hour limit · resets 12:51pm (UTC)", NOW, "2026-11-21T12:51:00"),
    ("weekly limit · resets Nov 25, 9:51am (UTC)", NOW, "2026-11-25T09:51:00"),
    ("resets Feb 7, 11am (Asia/Seoul)", "2026-02-01T00:00:00", "2026-02-07T02:00:00"),
    ("resets Jan 2 at 9am (UTC)", "2026-12-30T00:00:00", "2027-01-02T09:00:00"),  # across the year
    ("resets Dec 31, 11pm (UTC)", "2027-01-01T00:10:00", "2027-01-01T00:10:01"),
    ("resets Nov 20, 9am (UTC)", NOW, "2026-11-21T12:00:01"),  # in the past
    ("resets Feb 29, 9am (UTC)", "2028-02-27T00:00:00", "2028-02-29T09:00:00"),
    ("resets Feb 30, 9am (UTC)", NOW, None),
    ("resets May 1, 9am (UTC)", NOW, None),  # out of reach
    # clocks go forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC
    ("resets 9am (Europe/Berlin)", "2026-03-28T20:00:00", "2026-03-29T07:00:00"),
    ("resets 2:30am (Europe/Berlin)", "2026-03-28T20:00:00", "2026-03-29T01:30:00"),  # does not exist that day
    ("resets 9am (Europe/Berlin)", "2026-10-24T20:00:00", "2026-10-25T08:00:00"),
    ("resets 2:30am (Europe/Berlin)", "2026-10-24T20:00:00", "2026-10-25T01:30:00"),  # exists twice: the later
    ("resets 5am (Nowhere/Land)", NOW, None),
    ("resets 5am (../etc/passwd)", NOW, None),
    ("resets 25pm", NOW, None),
    ("resets 13am", NOW, None),
    ("resets 5:99am", NOW, None),
    ("resets soon", NOW, None),
    ("resets tomorrow", NOW, None),
    ("", NOW, None),
]


@pytest.mark.parametrize(("text", "now", "expected"), CASES)
def test_the_moment_that_a_text_names(text: str, now: str, expected: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    wanted = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert reset_in(text, moment) == wanted


def test_whatever_it_says_it_is_ahead_and_within_reach() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for hour in range(1, 13):
        for half in ("am", "pm"):
            for zone in ("", " (Asia/Kolkata)", " (America/St_Johns)", " (Pacific/Kiritimati)", " (Pacific/Pago_Pago)"):
                moment = reset_in(f"resets {hour}{half}{zone}", now)
                assert moment is not None
                assert now < moment <= now + timedelta(days=1)
