"""Requests in a row of which nothing could be used: the model's answers were refused, cut off or malformed, or the
provider called the requests invalid. Is it these rows, or would no row be answered?

Pure. A few such rows are their own fault. Several different ones, with nothing accepted in between, are not to blame
before the rubric's own example has been answered; nor is any row while nothing was accepted at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from waves.models import Identity
from waves.outcomes import Answered, Discarded, Outcome, Retryable

SUSPICIOUS = 3
"""Requests in a row, without use and for different items, that may be the fault of something else."""


def is_unusable(outcome: Outcome) -> bool:
    """Whether something came back, and nothing of it can be stored."""
    match outcome:
        case Answered(labelled=labelled):
            return not labelled
        case Discarded() | Retryable(kind="truncated"):
            return True
        case _:
            return False


class UnusableRun:
    """The requests since something was last accepted. What was accepted proves something only if it was sent after the
    first of them had come back: an answer that was on its way before says nothing about what holds now."""

    def __init__(self) -> None:
        self._items: set[Identity] = set()
        self._requests = 0
        self._began: datetime | None = None
        self._limit = SUSPICIOUS
        self._accepted = False

    @property
    def something_accepted(self) -> bool:
        """Whether anything was ever accepted, of an item or of the example."""
        return self._accepted

    @property
    def empty(self) -> bool:
        return self._requests == 0

    @property
    def limit_reached(self) -> bool:
        """Whether the example has to decide before anything else is asked."""
        return self._requests >= self._limit

    @property
    def undecided(self) -> bool:
        """Whether the items of this run cannot be blamed as it stands."""
        return self._requests >= (SUSPICIOUS if self._accepted else 1)

    def useless(self, items: Iterable[Identity], at: datetime) -> None:
        """A request for these items yielded nothing to store. Asking again for some of them says nothing new."""
        self._began = self._began or at
        if not self._items.issuperset(asked := set(items)):
            self._items |= asked
            self._requests += 1

    def accepted(self, sent: datetime) -> bool:
        """Something of a request was accepted. Returns whether that ends the run."""
        self._accepted = True
        over = self._began is None or sent > self._began
        if over:
            self._end()
        return over

    def example_accepted(self) -> None:
        """The items are to blame. A model that answers the example and no row is not asked for it every few rows: the
        next run may be twice as long."""
        self._accepted = True
        self._limit *= 2
        self._end()

    def _end(self) -> None:
        self._items.clear()
        self._requests, self._began = 0, None
