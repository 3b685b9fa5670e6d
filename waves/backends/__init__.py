"""How a request reaches a model. A backend is one folder here, found by the name of its kind: its `__init__` declares
`TRAITS`, and its module `backend` has `open_backend(config, rubric) -> Backend`. The contract tests pick it up.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.outcomes import Answer, Ask, Outcome


class Backend(Protocol):
    """One connection to a model, used by many requests at once in one event loop.

    `ask` calls `received` at most once, before it looks into the answer and before it returns; then it returns an
    outcome that names each item at most once. It sends one request and never repeats it. It raises nothing but
    cancellation: whatever a provider does is an outcome.
    """

    async def ask(self, ask: Ask, received: Callable[[Answer], None]) -> Outcome: ...

    async def close(self) -> None: ...


def open_backend(config: BackendConfig, rubric: Rubric) -> Backend:
    """The backend of this kind. Raises ConfigurationError if there is no such kind, or if it sends no single requests.
    An error inside a backend's own module is a bug there, and is raised as it is."""
    if (through := config.traits.asks_through) is not None:
        raise ConfigurationError(
            f"backend {config.name}: no requests can be sent through kind {config.kind}",
            f"set its kind to {through} in waves.yaml",
        )
    module = import_module(f"{__name__}.{config.kind}.backend")
    opened: Backend = module.open_backend(config, rubric)
    return opened
