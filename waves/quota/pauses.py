"""How long a backend is snoozed: to a little after the provider's moment, or for a growing pause; never indefinitely.

Pure. Snoozes are kept in the database (`waves.steps.budget.snooze`), where every process, theme and host sees them.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from waves.quota.window import margin

FIRST_PAUSE = timedelta(minutes=15)
"""If the provider names no moment, or one that has passed; doubled by each snooze since a request last succeeded."""
LONGEST_PAUSE = timedelta(hours=6)
LONGEST = timedelta(days=8)
"""More than the longest window, which is a week: a later moment is wrong, or the backend is tried again then."""


def wake_at(until: datetime | None, now: datetime, *, pauses: int, length: timedelta | None, host: str) -> datetime:
    """The moment to try again. `until` is the provider's; `pauses` counts the snoozes since a request last succeeded;
    `length` is that of the backend's window: a pause of a quarter of an hour would skip short windows completely."""
    if until is not None and until > now:
        return min(until + margin(length) + jitter(host, length), now + LONGEST)
    first = FIRST_PAUSE if length is None else min(FIRST_PAUSE, length)
    return now + min(first * (1 << min(pauses, 20)), LONGEST_PAUSE)


def jitter(host: str, length: timedelta | None) -> timedelta:
    """A share of the margin by the host's name: hosts that share a quota must not all return in the same second."""
    return margin(length) * (zlib.crc32(host.encode()) % 1000 / 1000)
