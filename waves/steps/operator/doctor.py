"""Checks everything that can be wrong before a fire meets it, and gives the remedy of each finding. Changes nothing but
pending migrations.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import BackendConfig, Project
from waves.config.rubric import Rubric
from waves.config.theme import Theme
from waves.errors import ConfigurationError, WaveError
from waves.exact_json import compact
from waves.rehearsal.schema import defect
from waves.spool import files, locks
from waves.steps.session.backend_chain import backend_chain
from waves.steps.session.shared_target import refuse_shared_target
from waves.steps.session.versions import active_rubric, require_answerable, require_fit
from waves.store import connect, migrate
from waves.store.catalog import describe as catalog
from waves.store.connect import Database

LOW_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the doctor. `fault` is set if something is broken: it decides the exit code."""

    level: Literal["ok", "warning", "broken"]
    what: str
    remedy: str = ""
    fault: WaveError | None = None


def diagnose(project: Project) -> Iterator[Diagnosis]:
    """The findings, in the order in which they should be fixed."""
    yield from _disk(project)
    yield from _backends(project)
    try:
        db = connect.open_database(project)
    except WaveError as fault:
        yield _broken("database", fault)
        return
    with db:
        yield from _database(db)
        names = themes.known(project.prompts)
        if not names:
            yield Diagnosis(
                "warning", f"no theme under {project.prompts}", "Make a folder there with theme.yaml and v1.md."
            )
        for theme_id in names:
            try:
                yield from _theme(project, db, theme_id)
            except WaveError as fault:
                yield _broken(f"theme {theme_id}", fault)


def _disk(project: Project) -> Iterator[Diagnosis]:
    try:
        files.make_folder(project.data, 0o711)
        files.probe(project.data)
    except WaveError as fault:
        yield _broken("data", fault)
        return
    free = shutil.disk_usage(project.data).free
    level: Literal["ok", "warning"] = "ok" if free > LOW_BYTES else "warning"
    yield Diagnosis(
        level, f"data {project.data}: writable, {free / 1e9:.1f} GB free", "" if level == "ok" else "Free space."
    )


def _backends(project: Project) -> Iterator[Diagnosis]:
    for backend in project.backends.values():
        yield _backend(backend)


def _backend(backend: BackendConfig) -> Diagnosis:
    about = f"backend {backend.name} ({backend.kind}): {', '.join(backend.models)}"
    if backend.traits.needs_key and backend.api_key is None:
        return Diagnosis(
            "warning", f"{about}; {backend.api_key_env} is not set", f"Set {backend.api_key_env}, for cron too."
        )
    install = backend.traits.install
    if install is not None and shutil.which(backend.command, path=backend.environment.get("PATH", "")) is None:
        return Diagnosis(
            "warning",
            f"{about}; there is no executable {backend.command!r}",
            f"Install it ({install}), or give `command` its full path.",
        )
    return Diagnosis("ok", about)


def _database(db: Database) -> Iterator[Diagnosis]:
    applied = len(migrate.state(db.connection).applied)
    version = db.connection.info.server_version
    yield Diagnosis("ok", f"database: PostgreSQL {version // 10000}.{version % 10000}, {applied} migrations applied")


def _theme(project: Project, db: Database, theme_id: str) -> Iterator[Diagnosis]:
    theme = themes.load(project.prompts, theme_id)
    backend_chain(project, theme, None)
    rubric = active_rubric(db, theme, read_only=True)
    require_answerable(db, theme, rubric)
    require_fit(db, theme, rubric)
    newest = rubrics.newest(theme.folder) if rubrics.files(theme.folder) else rubric
    require_fit(db, theme, newest)
    shape = catalog.describe(db, theme)
    refuse_shared_target(db, project, theme)
    running = ", a fire runs now" if locks.locked(project.data / theme_id) else ""
    yield Diagnosis("ok", f"theme {theme_id}: {shape.source} with rubric {rubric.version}{running}")
    for version in dict.fromkeys((rubric, newest)):
        yield from _refused(theme, version)
    if theme.on_complete:
        yield from _on_complete(project, theme)
    for advice in shape.warnings:
        yield Diagnosis("warning", f"theme {theme_id}: {advice.message}", advice.statement or "")


def _refused(theme: Theme, rubric: Rubric) -> Iterator[Diagnosis]:
    problem = defect(json.loads(compact(rubric.wire_schema)), structured=True)
    if problem is not None:
        yield Diagnosis(
            "warning",
            f"theme {theme.theme_id}: providers may refuse the schema of rubric {rubric.version}: {problem}",
            "Make it smaller, or use a backend whose provider takes it.",
        )


def _on_complete(project: Project, theme: Theme) -> Iterator[Diagnosis]:
    program = theme.on_complete[0]
    path = str(project.root / program) if "/" in program else program
    if shutil.which(path, path=project.shell.get("PATH")) is None:
        fault = ConfigurationError(
            f"on_complete: there is no executable {program!r}",
            f"Correct it in {theme.folder / 'theme.yaml'}; paths are relative to {project.root}.",
        )
        yield _broken(f"theme {theme.theme_id}", fault)


def _broken(what: str, fault: WaveError) -> Diagnosis:
    return Diagnosis("broken", f"{what}: {fault.message}", fault.hint, fault)
