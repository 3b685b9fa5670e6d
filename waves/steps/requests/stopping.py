"""Why and when the loop stops: an operator asked for it, the provider cannot continue, or a person has to act."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from waves.errors import DiskError, WaveError
from waves.models import Ending
from waves.steps.session.locking import Guard
from waves.steps.session.signals import Stop

PATIENCE = 10.0
"""Seconds that requests in flight may take after a signal; then they are recorded as maybe paid."""


class StopControl:
    """`ending` is set as soon as nothing more may be sent. The first ending and the first fault are kept."""

    def __init__(self, stop: Stop, guard: Guard) -> None:
        self._stop = stop
        self._guard = guard
        self._ending: Ending | None = None
        self._fault: WaveError | None = None
        self._give_up_at = float("inf")

    @property
    def ending(self) -> Ending | None:
        return self._ending

    @property
    def fault(self) -> WaveError | None:
        return self._fault

    def check(self) -> None:
        """Check for signals, and the lock against other hosts."""
        self._guard.check()
        if (ending := self._stop.ending) is not None and self._ending is None:
            self.end(ending)

    def end(self, ending: Ending, patience: float = PATIENCE) -> None:
        """Send nothing more. Requests in flight may still be answered for `patience` seconds: they may be paid for."""
        self._ending = self._ending or ending
        self._give_up_at = min(self._give_up_at, time.monotonic() + patience)

    def fail(self, fault: WaveError, patience: float = PATIENCE) -> None:
        """Stop with a fault. The caller of the loop raises it, once everything is recorded."""
        self._fault = self._fault or fault
        self.end(Ending("failed", fault.message), patience)

    @contextmanager
    def deferring_faults(self, patience: float) -> Iterator[None]:
        """A database fault ends the fire, but only after the answers that have arrived or will arrive are on disk: they
        are paid for. A disk fault is raised at once: no answer can be kept any more."""
        try:
            yield
        except DiskError:
            raise
        except WaveError as fault:
            self.fail(fault, patience)

    def over(self, in_flight: int) -> bool:
        """Whether to stop waiting: nothing is in flight, or the patience is over."""
        return self._ending is not None and (not in_flight or time.monotonic() > self._give_up_at)
