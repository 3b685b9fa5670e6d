"""The questions to come, in the order in which they may go out. Nothing here costs more where the pile is higher.

First those whose time has come. At the very end, when nothing else is left to be asked or in flight, those with which
a worker died: one for each worker, so that the next death tells whose fault it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from waves.steps.requests.in_flight import PendingRequest


class RequestQueue:
    """`side_by_side` is the number of workers. While there is a probe, nothing but the probe goes out."""

    def __init__(self, side_by_side: int) -> None:
        self._side_by_side = side_by_side
        self._ready: deque[PendingRequest] = deque()
        self._later: list[tuple[float, int, PendingRequest]] = []
        self._alone: deque[PendingRequest] = deque()
        self._added = 0
        self._one_each = False
        self.probe: PendingRequest | None = None

    def __len__(self) -> int:
        return len(self._ready) + len(self._later) + len(self._alone) + (self.probe is not None)

    def add(self, questions: Iterable[PendingRequest]) -> None:
        """At the end."""
        for question in questions:
            self._lane(question).append(question)

    def add_first(self, questions: Iterable[PendingRequest]) -> None:
        """Before all others, once their time has come."""
        for question in reversed(list(questions)):
            if question.not_before > 0:
                self._added += 1
                heappush(self._later, (question.not_before, self._added, question))
            else:
                self._lane(question).appendleft(question)

    def take(self, at: float, in_flight: int) -> PendingRequest | None:
        """The next one that may go out at monotonic second `at`, beside so many that are in flight."""
        while self._later and self._later[0][0] <= at:
            question = heappop(self._later)[2]
            self._lane(question).appendleft(question)
        if self._ready and not (self._one_each and in_flight):
            self._one_each = False
            return self._ready.popleft()
        if self._alone and not self._later and in_flight < (self._side_by_side if self._one_each else 1):
            self._one_each = True
            return self._alone.popleft()
        return None

    def clear(self) -> None:
        self._ready.clear()
        self._later.clear()
        self._alone.clear()
        self.probe = None

    def _lane(self, question: PendingRequest) -> deque[PendingRequest]:
        return self._alone if question.this.alone else self._ready
