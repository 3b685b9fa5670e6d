"""How long a backend is left alone: until the provider's moment and a little, or for a growing pause; never for ever.

Pure. What sleeps is kept in the database (`waves.steps.budget.snooze`), where every process, theme and host sees it.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from waves.quota.window import margin

FIRST_PAUSE = timedelta(minutes=15)
"""Where the provider names no moment, or one that has passed; doubled by each snooze since something last succeeded."""
LONGEST_PAUSE = timedelta(hours=6)
LONGEST = timedelta(days=8)
"""Beyond the longest window, a week: whatever says more is broken, or is asked again then."""


def wake_at(until: datetime | None, now: datetime, *, pauses: int, length: timedelta | None, host: str) -> datetime:
    """The moment to try again. `until` is the provider's; `pauses` counts the snoozes since something last succeeded;
    `length` is that of the backend's window: where it is short, waiting a quarter of an hour would skip whole ones."""
    if until is not None and until > now:
        return min(until + margin(length) + jitter(host, length), now + LONGEST)
    first = FIRST_PAUSE if length is None else min(FIRST_PAUSE, length)
    return now + min(first * (1 << min(pauses, 20)), LONGEST_PAUSE)


def jitter(host: str, length: timedelta | None) -> timedelta:
    """Hosts that share a quota shall not all come back in the same second: a share of the margin by the host's name."""
    return margin(length) * (zlib.crc32(host.encode()) % 1000 / 1000)
