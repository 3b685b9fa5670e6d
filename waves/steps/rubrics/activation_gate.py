"""What a version has to reach before it is put in force: `gate` of theme.yaml over what was measured of it."""

from __future__ import annotations

from waves.config.project import Project
from waves.config.theme import Theme
from waves.errors import NeedsPersonError
from waves.steps.rubrics.fire_setting import usual
from waves.store.connect import Database
from waves.store.rubrics import rubric_facts, rubric_registry
from waves.store.rubrics.rubric_facts import FireSetting


def require(project: Project, db: Database, theme: Theme, version: str) -> None:
    """NeedsPersonError where the gate is closed for `version`; never for the one in force."""
    if (refusal := refused(project, db, theme, version)) is not None:
        raise refusal


def refused(project: Project, db: Database, theme: Theme, version: str) -> NeedsPersonError | None:
    """Why `version` may not be put in force, and what to do."""
    active = rubric_registry.active(db, theme.theme_id)
    if active is not None and active.version == version:
        return None
    poor = _too_poor(db, theme, version, usual(project, db, theme)) if theme.gate.min_f1 is not None else None
    return poor or (_too_different(db, theme, version, active.version) if active else None)


def _too_poor(db: Database, theme: Theme, version: str, wanted: FireSetting) -> NeedsPersonError | None:
    """Macro F1 on all of the gold, as the theme's fires ask: what another model reaches says nothing about them."""
    least = theme.gate.min_f1 or 0.0
    found = rubric_facts.newest_evaluations(db, theme.theme_id, wanted).get(version)
    if found is None or not found.usual or found.macro_f1 is None:
        other = f" --backend {wanted.backends[1]} --models {wanted.model}" if len(wanted.backends) > 1 else ""
        return NeedsPersonError(
            f"gate.min_f1 of theme {theme.theme_id} is {least:g}, and rubric {version} has no F1 on record for all of "
            f"the gold, by {wanted.model} on backend {wanted.backends[0]} with {wanted.batch_size} items in a request",
            f"Evaluate it first: wave eval {theme.theme_id} --rubric {version}{other}",
        )
    if found.macro_f1 < least:
        return NeedsPersonError(
            f"rubric {version} of theme {theme.theme_id} has macro F1 {found.macro_f1:.3f}; gate.min_f1 is {least:g}",
            "Improve the rubric, or lower the gate in theme.yaml.",
        )
    return None


def _too_different(db: Database, theme: Theme, version: str, active: str) -> NeedsPersonError | None:
    """Verdicts that change against the version in force: those of the newest comparison of the two."""
    most = theme.gate.max_flips
    if most is None:
        return None
    found = rubric_facts.newest_comparison(db, theme.theme_id, active, version)
    if found is None or not found.compared:
        return NeedsPersonError(
            f"gate.max_flips of theme {theme.theme_id} is {most:g}; rubric {version} was not compared with {active}",
            f"Compare it first: wave compare {theme.theme_id} --old {active} --new {version}",
        )
    if found.flips / found.compared > most:
        return NeedsPersonError(
            f"rubric {version} of theme {theme.theme_id} changes {found.flips:,} of {found.compared:,} verdicts of "
            f"{active}; gate.max_flips is {most:g}",
            "Look at what changes, then improve the rubric, or raise the gate in theme.yaml.",
        )
    return None
