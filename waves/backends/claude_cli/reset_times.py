"""When a limit ends, from the CLI's message about it: `|1755615600`, `resets 5am`, `resets 3:50pm (Asia/Tokyo)`,
`resets Feb 7, 11am (Asia/Seoul)`. Pure; None if the message names no moment that can be relied on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

JUST_PASSED = timedelta(hours=1)
"""A time of day within the last hour means today, and has passed; one further back means tomorrow."""
LONGEST = timedelta(days=32)
"""A spend limit lasts until the end of a month at most; a moment further ahead is wrong."""

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
    UTC, the zone that the CLI is started with."""
    if (epoch := _EPOCH.search(text)) is not None:
        return _bounded(_epoch(epoch[1]), now)
    time = _TIME.search(text)
    if time is None:
        return None
    try:
        zone = ZoneInfo(time["zone"]) if time["zone"] else UTC
        hour = int(time["hour"]) % _NOON + (_NOON if time["half"].lower() == "pm" else 0)
        today = now.astimezone(zone).replace(hour=hour, minute=int(time["minute"] or 0), second=0, microsecond=0)
        if int(time["hour"]) > _NOON:
            return None
        moment = _on_date(today, time, now) if time["month"] else _next(today, zone, now)
    except (ValueError, KeyError, OSError, OverflowError):  # no such time, day or zone
        return None
    return _bounded(moment, now)


def _next(today: datetime, zone: tzinfo, now: datetime) -> datetime:
    """That time today, or tomorrow, by the days of the zone."""
    moment = _utc(today)
    if moment >= now - JUST_PASSED:
        return moment
    return _utc((today.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone))


def _on_date(today: datetime, time: re.Match[str], now: datetime) -> datetime:
    """That time on the named day, in the year in which it is nearest to now."""
    month, day = _MONTHS.index(time["month"].lower()) + 1, int(time["day"])
    candidates = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            candidates.append(_utc(today.replace(year=year, month=month, day=day)))
        except ValueError:  # 29 February
            continue
    return min(candidates, key=lambda moment: abs(moment - now))


def _utc(local: datetime) -> datetime:
    """If a time exists twice, or not at all, because clocks are changed: the later of the two readings."""
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)).replace(fold=0)


def _epoch(digits: str) -> datetime:
    seconds = int(digits)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)


def _bounded(moment: datetime, now: datetime) -> datetime | None:
    if moment > now + LONGEST:
        return None
    return max(moment, now + timedelta(seconds=1))
