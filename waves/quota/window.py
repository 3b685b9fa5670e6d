"""A provider's quota window: when it began, what is known of its capacity, and how many keys it still holds for us.

Pure: figures come from the ledger, moments from the caller. Three kinds of window: one whose end the provider has
`reported`; a `fixed` one, laid out by the configured time of day; a `rolling` one, which is the last so many hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from waves.models import Evidence, KeysSent

DAY = timedelta(days=1)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC).date()
"""Windows longer than a day are counted from this day on; those of a week begin on Mondays."""

RECENT = 5
"""So many of the newest pieces of evidence are believed: limits change."""
MEMORY = timedelta(days=14)
"""Evidence is forgotten after this, or after MEMORY_WINDOWS windows where these last longer."""
MEMORY_WINDOWS = 8
KEPT = 20
FEWEST_REQUESTS = 3
"""A window that refuses before it has answered so many is taken for a false alarm, until another one does the same."""
CONFIRMED = 2
PLAUSIBLE = 0.2
"""So is one that refuses after less than this share of what another window held."""
READABLE = 0.05
"""A utilisation below this is too coarse to divide by."""


@dataclass(frozen=True, slots=True)
class Window:
    """`end` is None for a rolling window, which has none."""

    kind: Literal["reported", "fixed", "rolling"]
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class WeighedEvidence:
    """A piece of evidence with the keys that the window had answered by then, and the capacity that it speaks for: None
    where it is not believed, for the reason that `doubt` gives."""

    evidence: Evidence
    keys: int
    capacity: int | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class WindowUse:
    """All that decides how many keys may be sent now. `capacity` None: nothing is known yet. `reserved` are the keys of
    fires that run and have not sent them yet. `seen` is the newest utilisation of this window, and `since` the keys
    sent after it was seen."""

    capacity: int | None
    use_at_most: float
    used: int = 0
    reserved: int = 0
    seen: float | None = None
    since: int = 0

    @property
    def share(self) -> int | None:
        """Keys of a whole window that are ours; the rest is left to people. Never none at all."""
        return None if self.capacity is None else max(1, int(self.capacity * self.use_at_most + 1e-9))

    @property
    def left(self) -> int | None:
        """Keys that may be sent now; None: as many as one likes, because nobody knows where the window ends."""
        if self.seen is not None and self.seen >= self.use_at_most:
            return 0
        if self.capacity is None or self.share is None:
            return None
        left = self.share - self.used - self.reserved
        if self.seen is not None:
            left = min(left, int((self.use_at_most - self.seen) * self.capacity) - self.since - self.reserved)
        return max(0, left)


def current(length: timedelta, resets_at: time | None, reported_end: datetime | None, now: datetime) -> Window:
    """The window that `now` is in. `reported_end` is the newest end that the provider has named: while it lies ahead it
    is the truth; once it has passed, nothing before it counts. One further off than the window is long was named by
    another limit, or read by a clock that was ahead."""
    if reported_end is not None and now < reported_end <= now + length + margin(length):
        return Window("reported", start_of(reported_end, length), reported_end)
    if resets_at is not None:
        return _fixed(length, resets_at, now)
    start = now - length
    return Window("rolling", max(start, reported_end) if reported_end and reported_end <= now else start, None)


def margin(length: timedelta | None) -> timedelta:
    """How far a provider's clock and ours may differ: a minute, and no more than 2 % of a window so short that a minute
    would be much of it."""
    return timedelta(minutes=1) if length is None else min(timedelta(minutes=1), length * 0.02)


def slack(length: timedelta) -> timedelta:
    """By how much a window may have begun before the moment that follows from its end: clocks differ, and `retry-after`
    is rounded up to whole seconds."""
    return margin(length) + timedelta(seconds=1)


def start_of(end: datetime, length: timedelta) -> datetime:
    """Where to begin counting for a window whose end the provider has named: rather too early than too late, or the
    requests that opened it would be missing."""
    return end - length - slack(length)


def free_at(window: Window, length: timedelta, use: KeysSent, now: datetime) -> datetime:
    """When the window holds nothing of what was sent up to now. Rolling, that is when the last request drops out."""
    if window.end is not None:
        return window.end
    return min(max(now, (use.last or now) + length), now + length)


def weigh_evidence(
    found: Sequence[tuple[Evidence, KeysSent]], length: timedelta, now: datetime
) -> list[WeighedEvidence]:
    """What each piece of evidence, oldest first, is worth, by the use of its window up to that moment. A limit that is
    reported while the window is fresh is a false alarm: it must not teach that hardly anything fits."""
    kept = [(one, use) for one, use in found if now - memory(length) <= one.at <= now + length]
    most = max((_capacity(one, use.paid) for one, use in kept), default=0)
    fresh = sum(0 < use.requests < FEWEST_REQUESTS for one, use in kept if one.how == "exhausted")
    return [_judged(one, use, most, alone=fresh < CONFIRMED) for one, use in kept]


def learned(judged: Sequence[WeighedEvidence]) -> int | None:
    """The capacity: the least of the newest that is believed. A refusal says more than a utilisation, which is rounded
    and counts what others used."""
    for how in ("exhausted", "utilisation"):
        believed = [one.capacity for one in judged if one.evidence.how == how and one.capacity is not None]
        if believed:
            return min(believed[-RECENT:])
    return None


def remember(known: Sequence[Evidence], new: Evidence, length: timedelta) -> list[Evidence]:
    """The evidence with the new one; a newer utilisation of the same window takes the place of an older one."""

    def outdated(one: Evidence) -> bool:
        return one.how == new.how and abs(one.start - new.start) <= 2 * slack(length)

    kept = [one for one in known if not outdated(one) and one.at >= new.at - memory(length)]
    return sorted([*kept, new], key=lambda one: one.at)[-KEPT:]


def memory(length: timedelta) -> timedelta:
    return max(MEMORY, MEMORY_WINDOWS * length)


def _fixed(length: timedelta, resets_at: time, now: datetime) -> Window:
    """Up to a day long: from the time of day on, one after the other, and anew each day. Longer: from a Monday on."""
    if length > DAY:
        first = datetime.combine(MONDAY, resets_at, UTC)
        start = first + (now - first) // length * length
        return Window("fixed", start, start + length)
    day = datetime.combine(now.date(), resets_at, UTC)
    day = day if day <= now else day - DAY
    start = day + (now - day) // length * length
    return Window("fixed", start, min(start + length, day + DAY))


def _capacity(one: Evidence, paid: int) -> int:
    if one.how == "exhausted":
        return paid
    return int(paid / one.used) if one.used >= READABLE else 0


def _judged(one: Evidence, use: KeysSent, most: int, *, alone: bool) -> WeighedEvidence:
    capacity = _capacity(one, use.paid)
    doubt = None
    if one.how == "utilisation" and (one.used < READABLE or not use.paid):
        doubt = "too little of the window was used to tell"
    elif one.how == "exhausted" and (not use.paid or (alone and use.requests < FEWEST_REQUESTS)):
        doubt = "a false alarm: the window was fresh"
    elif one.how == "exhausted" and capacity < PLAUSIBLE * most:
        doubt = f"a false alarm: another window held {most} keys"
    return WeighedEvidence(one, use.paid, None if doubt else capacity, doubt)
