"""SIGINT and SIGTERM as a wish that steps look at: stop sending, wait a little, leave in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from waves.models import Ending


class Stop:
    """Whether this fire was asked to stop, and how."""

    def __init__(self) -> None:
        self._reason: str | None = None

    @property
    def requested(self) -> bool:
        return self._reason is not None

    @property
    def ending(self) -> Ending | None:
        """The ending of a fire that was asked to stop."""
        return Ending("interrupted", self._reason) if self._reason is not None else None

    def request(self, reason: str) -> None:
        self._reason = self._reason or reason

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Both signals set the wish while the block runs; the handlers from before come back after it."""

        def note(number: int, _frame: FrameType | None) -> None:
            self.request(f"told to stop by {signal.Signals(number).name}")

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
