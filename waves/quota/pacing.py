"""How many requests may be in flight now: fewer after a 429, one more after as many answers as there are places.

Pure: the caller passes the time. There are two kinds of moments, because a wall clock may be set back during a wait:
`at` counts monotonic seconds, `now` is only compared with the resets that the provider names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from waves.models import Meter
from waves.outcomes import Answered, Outcome, Snoozed

MAX_WAIT = 3600.0
"""The most seconds that a 429 may hold us back; a caller that cannot wait for its `retry-after` snoozes instead."""
BELIEVED = 60.0
"""Seconds for which a meter is believed without a refusal: a wrong header must not hold us back indefinitely."""
DEFAULT_WAIT = 1.0
"""Seconds to wait after a 429 that names no moment."""


@dataclass(frozen=True, slots=True)
class _Cap:
    """The number of places until a monotonic second, by a meter that resets at `resets_at`."""

    places: int
    resets_at: datetime
    until: float


class Pace:
    """Additive increase, multiplicative decrease of the places for requests, between 1 and `most`; none while held."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._open = self._most
        self._answered = 0
        self._echoes = 0
        self._held_until = float("-inf")
        self._capped: dict[str, _Cap] = {}

    def places(self, at: float) -> int:
        """How many requests may be in flight at monotonic second `at`; 0 while held back."""
        if at < self._held_until:
            return 0
        caps = [cap.places for cap in self._capped.values() if at < cap.until]
        return min([self._open, *caps])

    def heard(self, outcome: Outcome, meters: Sequence[Meter], at: float, now: datetime) -> None:
        """A request has ended. `Snoozed` is passed only if the caller decided to wait rather than to snooze."""
        echo, self._echoes = self._echoes > 0, max(0, self._echoes - 1)
        match outcome:
            case Snoozed():
                self._hold(outcome.until, at, now)
                if not echo:
                    self._lower()
            case Answered():
                self._raise()
        for meter in meters:
            self._obey(meter, at, now)

    def _lower(self) -> None:
        """Halve the places. Refusals of requests that were in flight at the same time are echoes of this one."""
        self._echoes = self._open - 1
        self._open = max(1, self._open // 2)
        self._answered = 0

    def _raise(self) -> None:
        self._answered += 1
        if self._answered >= self._open:
            self._open = min(self._most, self._open + 1)
            self._answered = 0

    def _hold(self, until: datetime | None, at: float, now: datetime) -> None:
        wait = DEFAULT_WAIT if until is None else _seconds(until, now, MAX_WAIT)
        self._held_until = max(self._held_until, at + wait)

    def _obey(self, meter: Meter, at: float, now: datetime) -> None:
        """Before the limit is hit: no more requests than the provider has left, until the limit resets."""
        left = _left(meter, self._most)
        if left is None or meter.resets_at is None:
            return
        known = self._capped.get(meter.limit)
        if known is not None and known.resets_at == meter.resets_at and at < known.until:
            left = min(left, known.places)  # answers overtake each other: the lowest figure of a period is the newest
        elif left >= self._most:
            self._capped.pop(meter.limit, None)
            return
        self._capped[meter.limit] = _Cap(left, meter.resets_at, at + _seconds(meter.resets_at, now, BELIEVED))


def _left(meter: Meter, most: int) -> int | None:
    """Requests that the meter leaves; None if it reports none. Tokens that are left suffice for some request."""
    if meter.rejected or (meter.used is not None and meter.used >= 1):
        return 0
    if meter.remaining is None:
        return None
    return max(0, meter.remaining) if meter.limit == "requests" or meter.remaining <= 0 else most


def _seconds(until: datetime, now: datetime, most: float) -> float:
    return min(max(0.0, (until - now).total_seconds()), most)
