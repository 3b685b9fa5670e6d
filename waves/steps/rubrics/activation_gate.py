"""What a version has to reach before it may be activated: `gate` of theme.yaml, over what was measured of the
version.
"""

from __future__ import annotations

from waves.config.project import Project
from waves.config.theme import Theme
from waves.errors import NeedsPersonError
from waves.steps.rubrics.fire_setting import fire_setting
from waves.store.connect import Database
from waves.store.rubrics import rubric_facts, rubric_registry
from waves.store.rubrics.rubric_facts import FireSetting


def require_open(project: Project, db: Database, theme: Theme, version: str) -> None:
    """NeedsPersonError if the gate is closed for `version`. It never is for the active one."""
    if (fault := refusal(project, db, theme, version)) is not None:
        raise fault


def refusal(project: Project, db: Database, theme: Theme, version: str) -> NeedsPersonError | None:
    """Why the gate is closed for `version`, and what to do; None if it is open."""
    active = rubric_registry.active(db, theme.theme_id)
    if active is not None and active.version == version:
        return None
    if theme.gate.min_f1 is not None:
        setting = fire_setting(project, db, theme)
        if (fault := _f1_too_low(db, theme, version, theme.gate.min_f1, setting)) is not None:
            return fault
    if theme.gate.max_flips is not None and active is not None:
        return _too_many_flips(db, theme, version, theme.gate.max_flips, active.version)
    return None


def _f1_too_low(
    db: Database, theme: Theme, version: str, min_f1: float, setting: FireSetting
) -> NeedsPersonError | None:
    """By the macro F1 on all of the gold, in the setting of the theme's fires: another model's figure says nothing
    about these."""
    evaluation = rubric_facts.newest_evaluations(db, theme.theme_id, setting).get(version)
    if evaluation is None or not evaluation.usual or evaluation.macro_f1 is None:
        other = f" --backend {setting.backends[1]} --models {setting.model}" if len(setting.backends) > 1 else ""
        return NeedsPersonError(
            f"gate.min_f1 of theme {theme.theme_id} is {min_f1:g}, and rubric {version} has no F1 on record for all "
            f"of the gold, by {setting.model} on backend {setting.backends[0]} with {setting.batch_size} items in a "
            "request",
            f"Evaluate it first: wave eval {theme.theme_id} --rubric {version}{other}",
        )
    if evaluation.macro_f1 < min_f1:
        return NeedsPersonError(
            f"rubric {version} of theme {theme.theme_id} has macro F1 {evaluation.macro_f1:.3f}; "
            f"gate.min_f1 is {min_f1:g}",
            "Improve the rubric, or lower the gate in theme.yaml.",
        )
    return None


def _too_many_flips(db: Database, theme: Theme, version: str, max_flips: float, active: str) -> NeedsPersonError | None:
    """By the newest comparison of the version with the active one."""
    comparison = rubric_facts.newest_comparison(db, theme.theme_id, active, version)
    if comparison is None or not comparison.compared:
        return NeedsPersonError(
            f"gate.max_flips of theme {theme.theme_id} is {max_flips:g}; "
            f"rubric {version} was not compared with {active}",
            f"Compare it first: wave compare {theme.theme_id} --old {active} --new {version}",
        )
    if comparison.flips / comparison.compared > max_flips:
        return NeedsPersonError(
            f"rubric {version} of theme {theme.theme_id} changes {comparison.flips:,} of {comparison.compared:,} "
            f"verdicts of {active}; gate.max_flips is {max_flips:g}",
            "Look at what changes, then improve the rubric, or raise the gate in theme.yaml.",
        )
    return None
