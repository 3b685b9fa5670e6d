"""What a person decides about rubric versions: register, approve, activate, roll back."""

from __future__ import annotations

from waves import rubric as rubrics
from waves import theme as themes
from waves.project import Project
from waves.steps import gate
from waves.steps.versions import named, register
from waves.store import catalog, rubric_registry
from waves.store.connect import open_database
from waves.store.rubric_registry import Move


def approve(project: Project, theme_id: str, *, by: str, version: str | None, max_rows: int | None, reason: str) -> str:
    """Open the gate; a version that is only a file is registered first. The version that was approved."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        catalog.describe(db, theme)
        rubric_registry.ensure_theme(db, theme_id)
        active = rubric_registry.active(db, theme_id)
        wanted = version or (active.version if active else rubrics.newest(theme.folder).version)
        register(db, theme, named(db, theme, wanted), by=by)
        rubric_registry.approve(db, theme_id, wanted, by=by, max_rows=max_rows, reason=reason)
    return wanted


def activate(project: Project, theme_id: str, version: str, *, by: str, reason: str) -> Move:
    """Put the version in force; where it is, nothing happens. NeedsPersonError where the theme's gate is in the way.
    What it costs is told by `price` before."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        catalog.describe(db, theme)
        rubric = named(db, theme, version)
        gate.require(db, theme, version)
        register(db, theme, rubric, by=by)
        return rubric_registry.activate(db, theme_id, version, actor=by, reason=reason)


def rollback(project: Project, theme_id: str, *, by: str, reason: str) -> Move:
    """Put the version in force that was so before the active one. It was there before: no gate is in the way."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        return rubric_registry.rollback(db, theme.theme_id, actor=by, reason=reason)
