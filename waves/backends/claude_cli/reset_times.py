"""When a limit ends, from the words that the CLI has for it: `|1755615600`, `resets 5am`, `resets 3:50pm (Asia/Tokyo)`,
`resets Feb 7, 11am (Asia/Seoul)`. Pure; None where the words say nothing that can be relied on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

JUST_PASSED = timedelta(hours=1)
"""A time of day that was reached within the last hour is meant, and over; one further back is tomorrow's."""
LONGEST = timedelta(days=32)
"""A spend limit lasts until the end of a month at most; what says more than this is broken."""

_EPOCH = re.compile(r"\|\s*(\d{9,13})\b")
_TIME = re.compile(
    r"\bresets\s+(?:at\s+)?"
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2}),?\s+(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>am|pm)"
    r"(?:\s*\((?P<zone>[^()]{1,60})\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NOON = 12


def reset_in(text: str, now: datetime) -> datetime | None:
    """The moment that the text names: never in the past, never further ahead than LONGEST. A time without a zone is
    UTC, which is what the CLI was started with."""
    if (epoch := _EPOCH.search(text)) is not None:
        return _bounded(_epoch(epoch[1]), now)
    found = _TIME.search(text)
    if found is None:
        return None
    try:
        zone = ZoneInfo(found["zone"]) if found["zone"] else UTC
        hour = int(found["hour"]) % _NOON + (_NOON if found["half"].lower() == "pm" else 0)
        said = now.astimezone(zone).replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
        if int(found["hour"]) > _NOON:
            return None
        moment = _on_date(said, found, now) if found["month"] else _next(said, zone, now)
    except (ValueError, KeyError, OSError, OverflowError):  # no such time, day or zone
        return None
    return _bounded(moment, now)


def _next(said: datetime, zone: tzinfo, now: datetime) -> datetime:
    """That time of today, or of tomorrow, counted by days of the zone."""
    today = _utc(said)
    if today >= now - JUST_PASSED:
        return today
    return _utc((said.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone))


def _on_date(said: datetime, found: re.Match[str], now: datetime) -> datetime:
    """That day in the year in which it is nearest."""
    month, day = _MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    candidates = []
    for year in (said.year - 1, said.year, said.year + 1):
        try:
            candidates.append(_utc(said.replace(year=year, month=month, day=day)))
        except ValueError:  # 29 February
            continue
    return min(candidates, key=lambda moment: abs(moment - now))


def _utc(local: datetime) -> datetime:
    """Where clocks are changed and a time exists twice, or not at all, the later of the two readings."""
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)).replace(fold=0)


def _epoch(digits: str) -> datetime:
    seconds = int(digits)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)


def _bounded(moment: datetime, now: datetime) -> datetime | None:
    if moment > now + LONGEST:
        return None
    return max(moment, now + timedelta(seconds=1))
