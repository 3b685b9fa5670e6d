"""What a person decides about rubric versions: which one is in force."""

from __future__ import annotations

from waves.config import theme as themes
from waves.config.project import Project
from waves.steps.rubrics import activation_gate
from waves.steps.session.versions import load_rubric, register, require_fit
from waves.store.catalog import describe as catalog
from waves.store.connect import open_database
from waves.store.rubrics import rubric_registry
from waves.store.rubrics.rubric_registry import VersionChange


def activate(project: Project, theme_id: str, version: str, *, by: str, reason: str) -> VersionChange:
    """Put the version in force; where it is, nothing happens. NeedsPersonError where the theme's gate is in the way.
    What it costs is told by `price` before."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project) as db:
        catalog.describe(db, theme)
        rubric = load_rubric(db, theme, version)
        activation_gate.require(project, db, theme, rubric.version)
        register(db, theme, rubric, by=by, first=(by, reason))
        return rubric_registry.activate(db, theme_id, rubric.version, actor=by, reason=reason)


def rollback(project: Project, theme_id: str, *, by: str, reason: str) -> VersionChange:
    """Put the version in force that was so before the active one. It was there before: no gate is in the way, but the
    theme may be another one by now: ConfigurationError where the version does not fit it."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project) as db, db.transaction():
        move = rubric_registry.rollback(db, theme.theme_id, actor=by, reason=reason)
        require_fit(db, theme, load_rubric(db, theme, move.after))
        return move
