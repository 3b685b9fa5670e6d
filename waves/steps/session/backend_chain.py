"""Which backend a fire uses: the one that was named, or the first of the theme's chain that is not snoozed."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from waves.config.project import BackendConfig, Project
from waves.config.theme import Theme
from waves.errors import ConfigurationError
from waves.store.tables import backend_state

if TYPE_CHECKING:
    from waves.store.connect import Database


def backend_chain(project: Project, theme: Theme, name: str | None) -> tuple[BackendConfig, ...]:
    """The named backend alone, or the theme's chain, with the models that the environment or the theme sets."""
    for candidate in (*((name,) if name else ()), *theme.backends):
        if candidate not in project.backends:
            known = ", ".join(sorted(project.backends))
            raise ConfigurationError(
                f"unknown backend {candidate!r}", f"Known: {known}. Backends are configured in waves.yaml."
            )
    models = project.models or theme.models
    found = [project.backends[wanted] for wanted in ((name,) if name else theme.backends)]
    return tuple(one if models is None or not one.traits.needs_models else replace(one, models=models) for one in found)


def first_awake(db: Database, chain: Sequence[BackendConfig]) -> BackendConfig:
    """The first backend of the chain that is not snoozed; if all are, the one that wakes first. A backend without its
    key is not skipped: its fire reports that the key is missing."""
    asleep: list[tuple[datetime, int]] = []
    for position, backend in enumerate(chain):
        snooze = backend_state.current_snooze(db, backend.name)
        if snooze is None:
            return backend
        asleep.append((snooze[0], position))
    _, position = min(asleep)
    return chain[position]


def next_backend(db: Database, chain: Sequence[BackendConfig], tried: Container[str]) -> BackendConfig | None:
    """The first backend of the chain that is not snoozed and was not `tried` in this fire; None if there is none."""
    untried = [backend for backend in chain if backend.name not in tried]
    return next((each for each in untried if backend_state.current_snooze(db, each.name) is None), None)
