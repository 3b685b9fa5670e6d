"""A provider's quota window: when it began, what is known of its capacity, and how many keys we may still send in it.

Pure: figures come from the ledger, moments from the caller. There are three kinds of windows: `reported`, whose end the
provider has named; `fixed`, laid out by the configured time of day; `rolling`, the hours up to now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from waves.models import Evidence, KeysSent

DAY = timedelta(days=1)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC).date()
"""Windows longer than a day are laid out from this day on; those of a week begin on Mondays."""

RECENT = 5
"""How many of the newest pieces of evidence are believed: limits change."""
MEMORY = timedelta(days=14)
"""Evidence is forgotten after this, or after MEMORY_WINDOWS windows if these last longer."""
MEMORY_WINDOWS = 8
KEPT = 20
FEWEST_REQUESTS = 3
"""A window that refuses before it has answered this many is taken for a false alarm, until another one does so too."""
CONFIRMED = 2
PLAUSIBLE = 0.2
"""So is a window that refuses after less than this share of what another window held."""
READABLE = 0.05
"""A utilisation below this is too coarse to divide by."""


@dataclass(frozen=True, slots=True)
class Window:
    """`end` is None for a rolling window."""

    kind: Literal["reported", "fixed", "rolling"]
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class WeighedEvidence:
    """A piece of evidence with the keys that the window had answered by then, and the capacity that follows from it:
    None if it is not believed, for the reason in `doubt`."""

    evidence: Evidence
    keys: int
    capacity: int | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class WindowUse:
    """The figures that decide how many keys may be sent now. `capacity` None: nothing is known yet. `reserved` are keys
    that running fires have not sent yet. `seen` is the newest reported utilisation of this window, `since` the number
    of keys sent after it was reported."""

    capacity: int | None
    use_at_most: float
    used: int = 0
    reserved: int = 0
    seen: float | None = None
    since: int = 0

    @property
    def share(self) -> int | None:
        """Our keys of a whole window, at least one; the rest is left to people."""
        return None if self.capacity is None else max(1, int(self.capacity * self.use_at_most + 1e-9))

    @property
    def left(self) -> int | None:
        """Keys that may be sent now; None: no bound, because the capacity is unknown."""
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
    is the end; once it has passed, nothing before it counts. An end further ahead than the length of the window belongs
    to another limit, or was read by a clock that was ahead."""
    if reported_end is not None and now < reported_end <= now + length + margin(length):
        return Window("reported", start_of(reported_end, length), reported_end)
    if resets_at is not None:
        return _fixed(length, resets_at, now)
    start = now - length
    return Window("rolling", max(start, reported_end) if reported_end and reported_end <= now else start, None)


def margin(length: timedelta | None) -> timedelta:
    """How far the provider's clock and ours may differ: a minute, but at most 2 % of the window, for short ones."""
    return timedelta(minutes=1) if length is None else min(timedelta(minutes=1), length * 0.02)


def slack(length: timedelta) -> timedelta:
    """By how much a window may have begun earlier than its end and length imply: clocks differ, and `retry-after` is
    rounded up to whole seconds."""
    return margin(length) + timedelta(seconds=1)


def start_of(end: datetime, length: timedelta) -> datetime:
    """When to begin counting for a window whose end the provider has named: too early rather than too late, or the
    requests that opened it would be missing."""
    return end - length - slack(length)


def free_at(window: Window, length: timedelta, use: KeysSent, now: datetime) -> datetime:
    """When the window contains nothing that was sent up to now. If it is rolling: when the last request drops out."""
    if window.end is not None:
        return window.end
    return min(max(now, (use.last or now) + length), now + length)


def weigh_evidence(
    observed: Sequence[tuple[Evidence, KeysSent]], length: timedelta, now: datetime
) -> list[WeighedEvidence]:
    """What each piece of evidence, oldest first, is worth, by the use of its window up to that moment. A limit that is
    reported while the window is fresh is a false alarm: it must not teach that hardly anything fits."""
    kept = [(evidence, use) for evidence, use in observed if now - memory(length) <= evidence.at <= now + length]
    most = max((_capacity(evidence, use.paid) for evidence, use in kept), default=0)
    fresh = sum(0 < use.requests < FEWEST_REQUESTS for evidence, use in kept if evidence.how == "exhausted")
    return [_weighed(evidence, use, most, alone=fresh < CONFIRMED) for evidence, use in kept]


def learned(weighed: Sequence[WeighedEvidence]) -> int | None:
    """The capacity: the least of the newest that are believed. A refusal says more than a utilisation, which is rounded
    and includes what others used."""
    for how in ("exhausted", "utilisation"):
        believed = [item.capacity for item in weighed if item.evidence.how == how and item.capacity is not None]
        if believed:
            return min(believed[-RECENT:])
    return None


def remember(known: Sequence[Evidence], new: Evidence, length: timedelta) -> list[Evidence]:
    """The known evidence and the new; newer evidence replaces older evidence of the same sort about the same window."""

    def outdated(evidence: Evidence) -> bool:
        return evidence.how == new.how and abs(evidence.start - new.start) <= 2 * slack(length)

    kept = [evidence for evidence in known if not outdated(evidence) and evidence.at >= new.at - memory(length)]
    return sorted([*kept, new], key=lambda evidence: evidence.at)[-KEPT:]


def memory(length: timedelta) -> timedelta:
    return max(MEMORY, MEMORY_WINDOWS * length)


def _fixed(length: timedelta, resets_at: time, now: datetime) -> Window:
    """Up to a day long: one after another from the time of day on, again each day. Longer: from a Monday on."""
    if length > DAY:
        first = datetime.combine(MONDAY, resets_at, UTC)
        start = first + (now - first) // length * length
        return Window("fixed", start, start + length)
    day = datetime.combine(now.date(), resets_at, UTC)
    day = day if day <= now else day - DAY
    start = day + (now - day) // length * length
    return Window("fixed", start, min(start + length, day + DAY))


def _capacity(evidence: Evidence, paid: int) -> int:
    if evidence.how == "exhausted":
        return paid
    return int(paid / evidence.used) if evidence.used >= READABLE else 0


def _weighed(evidence: Evidence, use: KeysSent, most: int, *, alone: bool) -> WeighedEvidence:
    capacity = _capacity(evidence, use.paid)
    doubt = None
    if evidence.how == "utilisation" and (evidence.used < READABLE or not use.paid):
        doubt = "too little of the window was used to tell"
    elif evidence.how == "exhausted" and (not use.paid or (alone and use.requests < FEWEST_REQUESTS)):
        doubt = "a false alarm: the window was fresh"
    elif evidence.how == "exhausted" and capacity < PLAUSIBLE * most:
        doubt = f"a false alarm: another window held {most} keys"
    return WeighedEvidence(evidence, use.paid, None if doubt else capacity, doubt)
