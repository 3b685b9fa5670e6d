"""The limits that the headers of the Messages API report: meters on every answer, and on a 429 when it ends.

An API key has limits of requests and of tokens per minute; a subscription has windows of hours and days, whose headers
are called `unified`. A value that cannot be read is treated as missing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from waves.models import Meter

LONGEST_SNOOZE = timedelta(days=32)
"""A spend limit lasts until the end of a month at most; a moment further ahead is wrong."""

_LARGEST = 10**12
"""Requests or tokens; a limit beyond that is not believed."""

_PREFIX = "anthropic-ratelimit-"
_UNIFIED = _PREFIX + "unified-"
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
_WINDOWS = {"5h": "five_hour", "7d": "seven_day"}
_NO_WINDOW = {"overage", "fallback", "representative"}
"""Families of `unified` that are not windows. In particular, `overage` may be rejected while requests are accepted."""


def meters_of(headers: Mapping[str, str]) -> tuple[Meter, ...]:
    """One for each limit that the headers report; on the path of every answer, so in one pass over them."""
    limits: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, value in headers.items():
        if name.startswith(_PREFIX):
            limit, _, what = name[len(_PREFIX) :].rpartition("-")
            limits[limit][what] = value
    return tuple(
        _window(limit.removeprefix("unified-"), fields) if limit.startswith("unified-") else _limit(limit, fields)
        for limit, fields in limits.items()
        if limit in _LIMITS or (limit.startswith("unified-") and limit.split("-")[1] not in _NO_WINDOW)
    )


def window_is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether a 429 is about a subscription's window, rather than about too many requests at a time."""
    return headers.get(_UNIFIED + "status") == "rejected" or any(meter.rejected for meter in meters_of(headers))


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When a 429 ends, from `retry-after` or the `anthropic-ratelimit-*` headers; None if they do not say. Never in the
    past, never further ahead than LONGEST_SNOOZE."""
    reset = _retry_after(headers.get("retry-after"), now) or _latest_reset(headers)
    if reset is None:
        return None
    return min(max(reset, now + timedelta(seconds=1)), now + LONGEST_SNOOZE)


def _window(name: str, fields: Mapping[str, str]) -> Meter:
    return Meter(
        _WINDOWS.get(name, name),
        used=_share(fields.get("utilization")),
        resets_at=_epoch(fields.get("reset")),
        rejected=fields.get("status") == "rejected",
    )


def _limit(name: str, fields: Mapping[str, str]) -> Meter:
    limit, left = _count(fields.get("limit")), _count(fields.get("remaining"))
    used = None if not limit or left is None else min(1.0, max(0.0, (limit - left) / limit))
    return Meter(name, used=used, remaining=left, resets_at=_rfc3339(fields.get("reset")))


def _retry_after(value: str | None, now: datetime) -> datetime | None:
    if value is None:
        return None
    try:
        return now + timedelta(seconds=min(float(value), LONGEST_SNOOZE.total_seconds()))
    except (ValueError, OverflowError):
        pass
    try:
        return _aware(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None


def _latest_reset(headers: Mapping[str, str]) -> datetime | None:
    """The reset of the subscription's window, else the latest among the limits that are used up, else among those that
    do not say what they have left. A limit that has something left is not what a 429 is about."""
    if (unified := _epoch(headers.get(_UNIFIED + "reset"))) is not None:
        return unified
    left = {name: headers.get(f"{_PREFIX}{name}-remaining") for name in _LIMITS}
    used_up = [name for name in _LIMITS if left[name] == "0"] or [name for name in _LIMITS if left[name] is None]
    resets = (_rfc3339(headers.get(f"{_PREFIX}{name}-reset")) for name in used_up)
    return max((reset for reset in resets if reset is not None), default=None)


def _count(value: str | None) -> int | None:
    """A number that no provider can mean is treated as missing: arithmetic with it would fail."""
    try:
        count = None if value is None else int(value)
    except ValueError:
        return None
    return count if count is None or abs(count) <= _LARGEST else None


def _share(value: str | None) -> float | None:
    try:
        share = math.nan if value is None else float(value)
    except ValueError:
        return None
    return share if math.isfinite(share) and share >= 0 else None


def _epoch(value: str | None) -> datetime | None:
    try:
        return None if value is None else datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _rfc3339(value: str | None) -> datetime | None:
    try:
        return None if value is None else _aware(datetime.fromisoformat(value))
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
