"""What goes out next: a probe while one is due, else the queue, into the places that the pace leaves free. No request
leaves before its `sent` line, and every earlier `paid` line, is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from waves.executors.processes import Processes
from waves.models import Ending
from waves.outcomes import Ask
from waves.quota.pacing import Pace
from waves.steps.requests.in_flight import Denied, InFlightRequests, PendingRequest
from waves.steps.requests.model_choice import ModelChoice
from waves.steps.requests.outage import OutageDetector
from waves.steps.requests.queue import RequestQueue
from waves.steps.requests.stopping import StopControl


class RequestSender:
    """`patience` is how long an answer may take, in seconds."""

    def __init__(
        self,
        workers: Processes,
        in_flight: InFlightRequests,
        pace: Pace,
        outage: OutageDetector,
        models: ModelChoice,
        stop: StopControl,
        patience: float,
    ) -> None:
        self._workers = workers
        self._in_flight = in_flight
        self._pace = pace
        self._outage = outage
        self._models = models
        self._stop = stop
        self._patience = patience
        self._queue = RequestQueue(workers.size)

    @property
    def something_left(self) -> bool:
        return bool(self._queue) or self._outage.probe_due or bool(self._in_flight)

    def add(self, requests: Iterable[PendingRequest]) -> None:
        self._queue.add(requests)

    def add_first(self, requests: Iterable[PendingRequest]) -> None:
        self._queue.add_first(requests)

    def put_back(self, pending: PendingRequest) -> None:
        """It could not be sent, or has to be sent again."""
        if pending.probe:
            self._outage.put_back(pending)
        else:
            self._queue.add_first([pending])

    def clear(self) -> None:
        self._queue.clear()

    def send(self) -> None:
        """Fill the free places."""
        asks, at = [], time.monotonic()
        places = self._places(at)
        while self._in_flight.awaited < places and (pending := self._next(at)) is not None:
            ask = self._journal_sent(pending)
            if ask is None:
                self.put_back(pending)
                break
            asks.append(ask)
        self._in_flight.sync()
        for ask in asks:
            self._workers.submit(ask.call_id, ask)

    def _places(self, at: float) -> int:
        """How many requests may be in flight. If meters alone would delay us for longer than an answer may take, one
        goes out all the same: the provider's answer decides whether the backend sleeps."""
        if self._stop.ending is not None:
            return 0
        return self._pace.places(at) or (1 if self._pace.places(at + self._patience) == 0 else 0)

    def _next(self, at: float) -> PendingRequest | None:
        if self._outage.probing:
            return self._outage.take_probe()
        pending = self._queue.take(at, len(self._in_flight))
        return None if pending is None else self._models.redirect(pending)

    def _journal_sent(self, pending: PendingRequest) -> Ask | None:
        """None if the budget cannot be read or does not cover it. It may cover it later, because requests in flight
        have reserved more than they cost; once none is in flight, the budget is used up."""
        with self._stop.deferring_faults(self._patience):
            ask = self._in_flight.send(pending, self._outage.answers)
            if not isinstance(ask, Denied):
                return ask
            if not len(self._in_flight):
                self._stop.end(Ending("over_budget", ask.reason))
        return None
