"""A recipe for workers that an item can kill: whatever is in the same worker dies with it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from waves.executors.events import Handler
from waves.models import Answer, Ask, Outcome
from waves.project import BackendConfig
from waves.rubric import Rubric
from waves.worker import Classifier

MARKER = "KILLS"


@dataclass(frozen=True, slots=True)
class Killable:
    """In place of `Classifier`. The killer waits a moment first, so that others are in flight beside it."""

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
    """In place of `Classifier`: every worker dies of its first request."""

    config: BackendConfig
    rubric: Rubric

    def __call__(self) -> Handler:
        async def killed(_ask: Ask, _emit: Callable[[Answer], None]) -> Outcome:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return killed
