"""Recipes for workers, in place of `Classifier`. They are loaded inside of workers, so nothing is imported here that a
worker does not have anyway.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.executors.events import Handler
from waves.outcomes import Answer, Ask, Discarded, Outcome
from waves.worker import Classifier

MARKER = "KILLS"


@dataclass(frozen=True, slots=True)
class Killable:
    """An item can kill its worker, and whatever is in it. It waits a moment first, so that others are beside it."""

    config: BackendConfig
    rubric: Rubric

    def __call__(self) -> Handler:
        classify = Classifier(self.config, self.rubric)()

        async def killed(ask: Ask, emit: Callable[[Answer], None]) -> Outcome:
            if any(MARKER in (text or "") for _, columns in ask.items for text in columns.values()):
                await asyncio.sleep(0.05)
                os.kill(os.getpid(), signal.SIGKILL)
            found: Outcome = await classify(ask, emit)
            return found

        return killed


@dataclass(frozen=True, slots=True)
class Doomed:
    """Every worker dies of its first request."""

    config: BackendConfig
    rubric: Rubric

    def __call__(self) -> Handler:
        async def killed(_ask: Ask, _emit: Callable[[Answer], None]) -> Outcome:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return killed


@dataclass(frozen=True, slots=True)
class Unconnected:
    """An item is refused where its worker could speak to a database."""

    config: BackendConfig
    rubric: Rubric

    def __call__(self) -> Handler:
        classify = Classifier(self.config, self.rubric)()

        async def checked(ask: Ask, emit: Callable[[Answer], None]) -> Outcome:
            found: Outcome = await classify(ask, emit)
            return Discarded("refused", "psycopg is loaded") if "psycopg" in sys.modules else found

        return checked
