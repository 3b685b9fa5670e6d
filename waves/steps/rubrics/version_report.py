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
from waves.steps.rubrics.fire_setting import usual
from waves.steps.session.versions import full_version, newest_version_on_disk, rubric_text, versions_on_disk
from waves.store.connect import Database, open_database
from waves.store.rubrics import rubric_facts, rubric_registry
from waves.store.rubrics.rubric_facts import DecisionRecord, EvaluationRecord

VersionState = Literal["active", "registered", "file only"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version as `wave rubrics` lists it; `created_at` is when it was registered, None for a file that was never
    used. `verdicts` are those that it holds; `evaluation` is the newest usual one, else the newest of all."""

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
class Difference:
    """`lines` as `diff -u` gives them; none where the two are alike."""

    old: str
    new: str
    lines: list[str]


def versions(project: Project, theme_ids: list[str]) -> dict[str, list[Version]]:
    """All versions of these themes: those that were used, oldest first, then files that never were."""
    found = [themes.load(project.prompts, theme_id) for theme_id in theme_ids]
    with open_database(project, migrate=False) as db:
        return {theme.theme_id: _versions(project, db, theme) for theme in found}


def show(project: Project, theme_id: str, version: str | None) -> VersionDetails:
    """One version of a theme; default: the one in force, else that of the newest file."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        wanted = _in_force(db, theme) or _newest(theme) if version is None else full_version(db, theme, version)
        text = rubric_text(db, theme, wanted)
        (found,) = (one for one in _versions(project, db, theme) if one.version == wanted)
        return VersionDetails(found, text, rubric_facts.decisions(db, theme_id, wanted))


def diff(project: Project, theme_id: str, old: str | None, new: str | None) -> Difference:
    """How two versions differ; default: the one in force against the newest file."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        before = _in_force(db, theme) or _newest(theme) if old is None else full_version(db, theme, old)
        after = _newest(theme) if new is None else full_version(db, theme, new)
        a, b = (rubric_text(db, theme, version).splitlines() for version in (before, after))
        return Difference(before, after, list(difflib.unified_diff(a, b, before, after, lineterm="")))


def _versions(project: Project, db: Database, theme: Theme) -> list[Version]:
    known, active = rubric_registry.history(db, theme.theme_id), _in_force(db, theme)
    measured = rubric_facts.newest_evaluations(db, theme.theme_id, usual(project, db, theme))
    held = rubric_facts.verdict_counts(db, theme.theme_id, [one.version for one in known])
    used = [
        Version(
            one.version,
            "active" if one.version == active else "registered",
            one.created_at,
            one.created_by,
            one.approved_by,
            one.approved_rows,
            held.verdicts[one.version],
            held.estimated,
            measured.get(one.version),
        )
        for one in known
    ]
    names = {one.version for one in known}
    return used + [Version(version, "file only") for version in versions_on_disk(theme) if version not in names]


def _in_force(db: Database, theme: Theme) -> str | None:
    found = rubric_registry.active(db, theme.theme_id)
    return found.version if found else None


def _newest(theme: Theme) -> str:
    found = newest_version_on_disk(theme)
    if found is None:
        raise ConfigurationError(
            f"no rubric in {theme.folder}", f"Name versions: `wave rubrics list {theme.theme_id}`."
        )
    return found
