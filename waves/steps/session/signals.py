"""SIGINT and SIGTERM become a request to stop, which the steps check: send nothing more, wait briefly, end in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from waves.models import Ending


class Stop:
    """Whether this fire was asked to stop, and why. The first reason is kept."""

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
        """Both signals request a stop while the block runs; the previous handlers are restored after it."""

        def request_stop(number: int, _frame: FrameType | None) -> None:
            self.request(f"stopped by {signal.Signals(number).name}")

        previous = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
