"""What the steps of one fire share: the theme with its numbers, the database, the folder, the log, who watches.

A session is opened once at the top of a command and passed down; it holds values and open handles and decides nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from waves import rubric as rubrics
from waves import theme as themes
from waves.errors import ConfigurationError
from waves.models import Counts, Limits
from waves.project import BackendConfig, Project
from waves.rubric import Rubric
from waves.spool.fire_log import FireLog
from waves.steps.interruption import Stop
from waves.store import backend_state, catalog, config, connect, rubric_registry, views
from waves.theme import Theme

if TYPE_CHECKING:
    from waves.store.catalog import Shape
    from waves.store.connect import Database


class Watcher(Protocol):
    """Somebody who looks on, e.g. a progress bar. Nothing depends on what it does."""

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None: ...

    def converged(self, wave_id: str, counts: Counts) -> None: ...


class Unwatched:
    """Nobody looks on: cron."""

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None: ...

    def converged(self, wave_id: str, counts: Counts) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    project: Project
    theme: Theme
    limits: Limits
    backend: BackendConfig
    db: Database
    shape: Shape
    rubric: Rubric
    run_id: str
    host: str
    log: FireLog
    stop: Stop
    watcher: Watcher

    @property
    def data(self) -> Path:
        return self.project.data

    @property
    def folder(self) -> Path:
        """The theme's folder under `data/`."""
        return self.project.data / self.theme.theme_id


@dataclass(frozen=True, slots=True)
class Opening:
    """What a command was called with. `flags` are limits from the command line, None where not given."""

    project: Project
    theme_id: str
    flags: Mapping[str, Any]
    backend: str | None = None
    trigger: str = "shell"
    watcher: Watcher | None = None


@contextmanager
def open_session(
    opening: Opening, run_id: str, *, read_only: bool = False, stop: Stop | None = None
) -> Iterator[Session]:
    """Everything checked before a request is paid: files, database, the shape of source and target, the rubric.

    `read_only` leaves the database as it is: nothing is migrated, nothing registered. `stop` is the wish that signals
    set, where somebody listens to them already.
    """
    project, theme_id = opening.project, opening.theme_id
    theme = themes.load(project.prompts, theme_id)
    chain = backend_chain(project, theme, opening.backend)
    newest = rubrics.newest(theme.folder)
    with connect.open_database(project.database, project.data, migrate=not read_only) as db:
        given = {name: value for name, value in opening.flags.items() if value is not None}
        limits = themes.settle(theme.limits, config.overrides(db, theme_id), project.limits, given)
        shape = catalog.describe(db, theme)
        active = _active_rubric(db, theme, newest, read_only=read_only)
        check_fit(theme, active)
        log = FireLog(project.data, theme_id, run_id)
        try:
            yield Session(
                project=project,
                theme=theme,
                limits=limits,
                backend=first_awake(db, chain),
                db=db,
                shape=shape,
                rubric=active,
                run_id=run_id,
                host=socket.gethostname(),
                log=log,
                stop=stop or Stop(),
                watcher=opening.watcher or Unwatched(),
            )
        finally:
            log.close()


def backend_chain(project: Project, theme: Theme, name: str | None) -> tuple[BackendConfig, ...]:
    """The named backend alone, or the theme's chain; with the models that the theme or environment wants."""
    for candidate in (*((name,) if name else ()), *theme.backends):
        if candidate not in project.backends:
            known = ", ".join(sorted(project.backends))
            raise ConfigurationError(f"unknown backend {candidate!r}", f"Known: {known}. Backends stand in waves.yaml.")
    models = project.models or theme.models
    found = [project.backends[wanted] for wanted in ((name,) if name else theme.backends)]
    return tuple(one if models is None or one.kind == "rehearsal" else replace(one, models=models) for one in found)


def first_awake(db: Database, chain: Sequence[BackendConfig]) -> BackendConfig:
    """The first of the chain that does not sleep; where all do, the one that wakes first. One that lacks its key is not
    passed over: its fire says so."""
    asleep: list[tuple[datetime, int]] = []
    for backend in chain:
        state = backend_state.snoozed(db, backend.name)
        if state is None:
            return backend
        asleep.append((state[0], len(asleep)))
    return chain[min(asleep)[1]]


def _active_rubric(db: Database, theme: Theme, newest: Rubric, *, read_only: bool) -> Rubric:
    """The version in force, from the registry: the file may have been edited since, or be gone."""
    if not read_only:
        rubric_registry.ensure_theme(db, theme.theme_id)
        views.ensure_views(db, theme.theme_id)
    active = rubric_registry.active(db, theme.theme_id)
    if active is None:
        if read_only:
            return newest
        active = rubric_registry.register(db, theme.theme_id, newest, theme.source.input)
    if active.version == newest.version:
        return newest
    stem = active.version.rsplit("-", 1)[0]
    return rubrics.parse(active.text, stem, theme.folder / f"{stem}.md")


def check_fit(theme: Theme, rubric: Rubric) -> None:
    """A rubric and its theme speak of the same columns and fields."""
    where = theme.folder / "theme.yaml"
    for number, example in enumerate(rubric.examples, 1):
        foreign = sorted(set(example.input) - set(theme.source.input))
        if foreign:
            raise ConfigurationError(
                f"example {number} of rubric {rubric.version} has input {foreign[0]!r}, which source.input lacks",
                f"Correct the example, or add the column in {where}.",
            )
    if theme.target is None:
        return
    for value, column in theme.target.columns:
        if value in {"$label", "$labels"} and rubric.kind != "classify":
            raise ConfigurationError(
                f"{where}: {value} goes to {column!r}, but rubric {rubric.version} has no labels",
                "Name a field of the rubric's schema instead.",
            )
        if value == "$label" and rubric.multi:
            raise ConfigurationError(
                f"{where}: $label goes to {column!r}, but rubric {rubric.version} may give several labels",
                "Use $labels, or say `multi: false` in the rubric.",
            )
        if not value.startswith("$") and value not in rubric.schema["properties"]:
            raise ConfigurationError(
                f"{where}: field {value!r} goes to {column!r}, but rubric {rubric.version} has no such field",
                f"Its fields: {', '.join(rubric.schema['properties'])}.",
            )
