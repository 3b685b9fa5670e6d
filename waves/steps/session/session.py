"""What the steps of one fire share: the theme with its numbers, the database, the folder, the log, who watches.

A session is opened once at the top of a command and passed down; it holds values and open handles and decides nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from waves.config import theme as themes
from waves.config.project import BackendConfig, Project
from waves.config.rubric import Rubric
from waves.config.theme import Theme
from waves.models import Counts, Limits
from waves.spool.fire_log import FireLog
from waves.steps.session import versions
from waves.steps.session.backend_chain import backend_chain, first_awake
from waves.steps.session.signals import Stop
from waves.store import connect
from waves.store.catalog import describe as catalog
from waves.store.tables import theme_config

if TYPE_CHECKING:
    from waves.store.catalog.describe import Shape
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
    """`describe` looks the theme's relations up in this database, once."""

    project: Project
    theme: Theme
    limits: Limits
    backend: BackendConfig
    db: Database
    describe: Callable[[], Shape] = field(repr=False)
    rubric: Rubric
    run_id: str
    host: str
    log: FireLog
    stop: Stop
    watcher: Watcher

    @property
    def shape(self) -> Shape:
        return self.describe()

    @property
    def data(self) -> Path:
        return self.project.data

    @property
    def folder(self) -> Path:
        """The theme's folder under `data/`."""
        return self.project.data / self.theme.theme_id


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command was called with. `flags` are limits from the command line, None where not given; `version` is the
    rubric version to judge by, None for the one in force. `gold`: for an evaluation, whose items may bring their own
    input; the theme's relations are looked at only where they are needed, and the gap is not counted."""

    project: Project
    theme_id: str
    flags: Mapping[str, Any]
    backend: str | None = None
    trigger: str = "shell"
    watcher: Watcher | None = None
    version: str | None = None
    gold: bool = False


@contextmanager
def open_session(
    invocation: Invocation, run_id: str, *, read_only: bool = False, stop: Stop | None = None
) -> Iterator[Session]:
    """Everything checked before a request is paid: files, database, the shape of source and target, the rubric.

    `read_only` leaves the database as it is: nothing is migrated, nothing registered. `stop` is the wish that signals
    set, where somebody listens to them already.
    """
    project, theme_id = invocation.project, invocation.theme_id
    theme = themes.load(project.prompts, theme_id)
    chain = backend_chain(project, theme, invocation.backend)
    with connect.open_database(project, migrate=not read_only) as db:
        given = {name: value for name, value in invocation.flags.items() if value is not None}
        limits = themes.merge_limits(theme.limits, theme_config.overrides(db, theme_id), project.limits, given)
        describe = cache(partial(catalog.describe, db, theme))
        if not invocation.gold:
            describe()
        rubric = versions.active(db, theme, read_only=read_only)
        if invocation.version is not None:
            rubric = versions.named(db, theme, invocation.version)
        versions.require_fit(db, theme, rubric)
        log = FireLog(project.data, theme_id, run_id)
        try:
            yield Session(
                project=project,
                theme=theme,
                limits=limits,
                backend=first_awake(db, chain),
                db=db,
                describe=describe,
                rubric=rubric,
                run_id=run_id,
                host=socket.gethostname(),
                log=log,
                stop=stop or Stop(),
                watcher=invocation.watcher or Unwatched(),
            )
        finally:
            log.close()
