"""The requests that are not sent yet, in the order in which they may go out. No operation costs more with a longer
queue.

First those whose time has come. At the very end, when nothing else is queued or in flight, those with which a worker
died: at most one for each worker, so that the next death shows which request causes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from waves.steps.requests.in_flight import PendingRequest


class RequestQueue:
    """`workers` is the number of worker processes."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._ready: deque[PendingRequest] = deque()
        self._later: list[tuple[float, int, PendingRequest]] = []
        self._alone: deque[PendingRequest] = deque()
        self._added = 0
        self._one_each = False

    def __len__(self) -> int:
        return len(self._ready) + len(self._later) + len(self._alone)

    def add(self, requests: Iterable[PendingRequest]) -> None:
        """Append at the end."""
        for pending in requests:
            self._lane(pending).append(pending)

    def add_first(self, requests: Iterable[PendingRequest]) -> None:
        """Put before all others; a request that has to wait, once its time has come."""
        for pending in reversed(list(requests)):
            if pending.not_before > 0:
                self._added += 1
                heappush(self._later, (pending.not_before, self._added, pending))
            else:
                self._lane(pending).appendleft(pending)

    def take(self, at: float, in_flight: int) -> PendingRequest | None:
        """The next request that may go out at monotonic second `at`, beside `in_flight` others."""
        while self._later and self._later[0][0] <= at:
            pending = heappop(self._later)[2]
            self._lane(pending).appendleft(pending)
        if self._ready and not (self._one_each and in_flight):
            self._one_each = False
            return self._ready.popleft()
        if self._alone and not self._later and in_flight < (self._workers if self._one_each else 1):
            self._one_each = True
            return self._alone.popleft()
        return None

    def clear(self) -> None:
        self._ready.clear()
        self._later.clear()
        self._alone.clear()

    def _lane(self, pending: PendingRequest) -> deque[PendingRequest]:
        return self._alone if pending.next_try.alone else self._ready
