"""Why and when the loop stops: somebody asked for it, the provider will not go on, or only a person can help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from waves.errors import ConfigurationError, CredentialsError, DiskError, TryLaterError, WaveError
from waves.models import Ending
from waves.outcomes import Fatal
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session

PATIENCE = 10.0
"""Seconds that requests in flight may take after somebody asked us to stop; then they are booked as maybe paid."""


class StopControl:
    """`ending` is set once nothing more may be sent; the first one stands."""

    def __init__(self, session: Session, guard: Guard) -> None:
        self._stop = session.stop
        self._guard = guard
        self._fault: WaveError | None = None
        self._give_up_at = float("inf")
        self.ending: Ending | None = None

    def look(self) -> None:
        """At signals, and at the lock against other hosts."""
        self._guard.look()
        if self._stop.reason is not None and self.ending is None:
            self.stop(Ending("interrupted", self._stop.reason))

    def stop(self, ending: Ending, patience: float = PATIENCE) -> None:
        """Send nothing more; what is in flight may still be answered for so many seconds, because it may be paid."""
        self.ending = self.ending or ending
        self._give_up_at = min(self._give_up_at, time.monotonic() + patience)

    def fail(self, fatal: Fatal) -> None:
        kind = CredentialsError if fatal.kind == "credentials" else ConfigurationError
        self._break(kind(fatal.message, fatal.hint))

    def workers_die(self, reason: str) -> None:
        hint = "Look at this machine's memory and at the log; nothing was charged to the rows."
        self._break(TryLaterError(f"not even the rubric's first example survives in a worker: {reason}", hint))

    @contextmanager
    def heeding(self, patience: float) -> Iterator[None]:
        """A fault of the database ends the fire, too, but not before the answers that came or will come are on disk:
        they are paid for. Where the disk itself fails nothing can be kept any more: that is raised at once."""
        try:
            yield
        except DiskError:
            raise
        except WaveError as fault:
            self._break(fault, patience)

    def over(self, in_flight: int) -> bool:
        """Whether nothing is worth waiting for any more."""
        return self.ending is not None and (not in_flight or time.monotonic() > self._give_up_at)

    def ending_or_fault(self) -> Ending | None:
        if self._fault is not None:
            raise self._fault
        return self.ending

    def _break(self, fault: WaveError, patience: float = PATIENCE) -> None:
        self._fault = self._fault or fault
        self.stop(Ending("failed", fault.message), patience)
