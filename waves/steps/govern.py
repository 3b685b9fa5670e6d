"""What a person decides about rubric versions: which one is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from waves import rubric as rubrics
from waves import theme as themes
from waves.project import Project
from waves.steps.versions import named, on_disk, register
from waves.store import rubric_registry
from waves.store.connect import open_database


@dataclass(frozen=True, slots=True)
class Version:
    """One version as `wave rubrics` lists it; `registered` is None for a file that was never used."""

    version: str
    active: bool
    registered: datetime | None
    approved_by: str | None
    approved_rows: int | None


def activate(project: Project, theme_id: str, version: str | None, *, by: str, reason: str) -> str:
    """Put a version in force: the named one, or that of the newest file. The version that is now active."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        rubric_registry.ensure_theme(db, theme_id)
        wanted = version or rubrics.newest(theme.folder).version
        register(db, theme, named(db, theme, wanted), by=by)
        rubric_registry.activate(db, theme_id, wanted, actor=by, reason=reason)
    return wanted


def rollback(project: Project, theme_id: str, *, by: str, reason: str) -> str:
    """Put the version in force that was so before the active one. The version that is now active."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        return rubric_registry.rollback(db, theme.theme_id, actor=by, reason=reason)


def versions(project: Project, theme_id: str) -> list[Version]:
    """All versions of a theme: those that were used, oldest first, then files that never were."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project.database, project.data) as db:
        active = rubric_registry.active(db, theme_id)
        known = [
            Version(
                one.version,
                active is not None and one.version == active.version,
                one.created_at,
                one.approved_by,
                one.approved_rows,
            )
            for one in rubric_registry.history(db, theme_id)
        ]
    names = {one.version for one in known}
    return known + [
        Version(rubric.version, active=False, registered=None, approved_by=None, approved_rows=None)
        for rubric in on_disk(theme)
        if rubric.version not in names
    ]
