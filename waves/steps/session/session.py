"""What the steps of one fire share: the theme with its limits, the database, the folder, the log and the watcher.

A command opens one session at its top and passes it down. A session holds values and open handles; it decides nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
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
from waves.steps.session.shared_target import refuse_shared_target
from waves.steps.session.signals import Stop
from waves.store import connect
from waves.store.catalog import describe as catalog
from waves.store.tables import theme_config

if TYPE_CHECKING:
    from waves.store.catalog.describe import Shape
    from waves.store.connect import Database


class Watcher(Protocol):
    """An observer of a fire, e.g. a progress bar. Nothing depends on what it does."""

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None: ...

    def converged(self, wave_id: str, counts: Counts) -> None: ...

    def warned(self, message: str) -> None: ...


class NullWatcher:
    """The watcher of a fire that nobody observes, e.g. under cron."""

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None: ...

    def converged(self, wave_id: str, counts: Counts) -> None: ...

    def warned(self, message: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """`backend` is the one of the `chain` that is asked. `describe` looks up the theme's relations when they are first
    needed."""

    project: Project
    theme: Theme
    limits: Limits
    chain: tuple[BackendConfig, ...]
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
    """What a command was called with. `flags` are limits from the command line, None if not given. `version` is the
    rubric version to judge by, None for the active one. `gold` is set for an evaluation, whose items may bring their
    own input: the theme's relations are looked up only when they are needed, and the gap is not counted."""

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
    """Check everything that can be wrong before a request is paid: files, database, the relations, the rubric.

    `read_only` leaves the database as it is: nothing is migrated, nothing registered. `stop` is the request to stop of
    a caller that listens to signals already.
    """
    project = invocation.project
    theme = themes.load(project.prompts, invocation.theme_id)
    chain = backend_chain(project, theme, invocation.backend)
    with connect.open_database(project, migrate=not read_only) as db:
        limits = effective_limits(project, db, theme, invocation.flags)
        describe = cache(partial(catalog.describe, db, theme))
        if not invocation.gold:
            describe()
            refuse_shared_target(db, project, theme)
        rubric = _select_rubric(db, theme, invocation.version, read_only=read_only)
        with closing(FireLog(project.data, theme.theme_id, run_id)) as log:
            yield Session(
                project=project,
                theme=theme,
                limits=limits,
                chain=chain,
                backend=first_awake(db, chain),
                db=db,
                describe=describe,
                rubric=rubric,
                run_id=run_id,
                host=socket.gethostname(),
                log=log,
                stop=stop or Stop(),
                watcher=invocation.watcher or NullWatcher(),
            )


def effective_limits(project: Project, db: Database, theme: Theme, flags: Mapping[str, Any] | None = None) -> Limits:
    """The theme's limits, overridden by `theme_config`, these by the environment, these by the command line."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    return themes.merge_limits(theme.limits, theme_config.overrides(db, theme.theme_id), project.limits, given)


def _select_rubric(db: Database, theme: Theme, version: str | None, *, read_only: bool) -> Rubric:
    """The active rubric, or that of the named version. The active one is looked up in either case: that registers the
    first file of a new theme."""
    rubric = versions.active_rubric(db, theme, read_only=read_only)
    if version is not None:
        rubric = versions.load_rubric(db, theme, version)
    versions.require_fit(db, theme, rubric)
    return rubric
