"""What a worker does with one request: ask the backend, pass the raw answer up, then return its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waves.backends import open_backend
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.executors.events import Handler
from waves.outcomes import Answer, Ask, Outcome


def preload(config: BackendConfig) -> tuple[str, ...]:
    """What a forkserver imports before it starts workers: the module through which they send requests."""
    return ("waves.worker", f"waves.backends.{config.traits.asks_through or config.kind}.backend")


@dataclass(frozen=True, slots=True)
class Classifier:
    """A recipe that can be pickled: called inside a worker it opens the backend and returns the handler, which emits
    the Answer if there is one, then returns an Outcome."""

    config: BackendConfig
    rubric: Rubric

    def __call__(self) -> Handler:
        backend = open_backend(self.config, self.rubric)

        async def classify(ask: Ask, emit: Callable[[Answer], None]) -> Outcome:
            return await backend.ask(ask, emit)

        return classify
