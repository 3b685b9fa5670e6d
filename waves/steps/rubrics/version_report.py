"""What `wave rubrics` shows: a theme's versions, the text of one with its history, how two differ. Read-only."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Theme
from waves.errors import ConfigurationError
from waves.steps.rubrics.fire_setting import fire_setting
from waves.steps.session.versions import full_version, newest_version_on_disk, rubric_text, versions_on_disk
from waves.store.connect import Database, open_database
from waves.store.rubrics import rubric_facts, rubric_registry
from waves.store.rubrics.rubric_facts import DecisionRecord, EvaluationRecord

VersionState = Literal["active", "registered", "file only"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version as `wave rubrics` lists it; `created_at` is when it was registered, None for a file that was never
    used. `verdicts` is their number; `evaluation` is the newest one in the setting of the theme's fires, else the
    newest of all."""

    version: str
    state: VersionState
    created_at: datetime | None = None
    created_by: str | None = None
    approved_by: str | None = None
    approved_rows: int | None = None
    verdicts: int = 0
    verdicts_estimated: bool = False
    evaluation: EvaluationRecord | None = None


@dataclass(frozen=True, slots=True)
class VersionDetails:
    """One version with its text, and what was decided about it."""

    version: Version
    text: str
    decisions: list[DecisionRecord]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """`lines` as `diff -u` gives them; empty if the two versions are equal."""

    old: str
    new: str
    lines: list[str]


def theme_versions(project: Project, theme_ids: list[str]) -> dict[str, list[Version]]:
    """All versions of these themes: those that were used, oldest first, then files that never were."""
    loaded = [themes.load(project.prompts, theme_id) for theme_id in theme_ids]
    with open_database(project, migrate=False) as db:
        return {theme.theme_id: _versions(project, db, theme) for theme in loaded}


def version_details(project: Project, theme_id: str, version: str | None) -> VersionDetails:
    """One version of a theme; by default the active one, else that of the newest file."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        name = _active_or_newest(db, theme) if version is None else full_version(db, theme, version)
        text = rubric_text(db, theme, name)
        (listed,) = (listed for listed in _versions(project, db, theme) if listed.version == name)
        return VersionDetails(listed, text, rubric_facts.decisions(db, theme_id, name))


def version_diff(project: Project, theme_id: str, old: str | None, new: str | None) -> VersionDiff:
    """How two versions differ; by default the active one and the newest file."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        before = _active_or_newest(db, theme) if old is None else full_version(db, theme, old)
        after = _newest(theme) if new is None else full_version(db, theme, new)
        a, b = (rubric_text(db, theme, version).splitlines() for version in (before, after))
        return VersionDiff(before, after, list(difflib.unified_diff(a, b, before, after, lineterm="")))


def _versions(project: Project, db: Database, theme: Theme) -> list[Version]:
    registered = rubric_registry.history(db, theme.theme_id)
    active = rubric_registry.active(db, theme.theme_id)
    evaluations = rubric_facts.newest_evaluations(db, theme.theme_id, fire_setting(project, db, theme))
    counts = rubric_facts.verdict_counts(db, theme.theme_id, [entry.version for entry in registered])
    used = [
        Version(
            version=entry.version,
            state="active" if active is not None and entry.version == active.version else "registered",
            created_at=entry.created_at,
            created_by=entry.created_by,
            approved_by=entry.approved_by,
            approved_rows=entry.approved_rows,
            verdicts=counts.verdicts[entry.version],
            verdicts_estimated=counts.estimated,
            evaluation=evaluations.get(entry.version),
        )
        for entry in registered
    ]
    names = {entry.version for entry in registered}
    return used + [Version(version, "file only") for version in versions_on_disk(theme) if version not in names]


def _active_or_newest(db: Database, theme: Theme) -> str:
    active = rubric_registry.active(db, theme.theme_id)
    return active.version if active else _newest(theme)


def _newest(theme: Theme) -> str:
    version = newest_version_on_disk(theme)
    if version is None:
        raise ConfigurationError(
            f"no rubric in {theme.folder}", f"Name versions: `wave rubrics list {theme.theme_id}`."
        )
    return version
