"""What the package offers: `run_once` fires a theme, `status` tells where it stands, `judge` asks about one input.

import waves
report = waves.run_once("comment_classifier", limit=100)
verdict = waves.judge("comment_classifier", {"content": "Could you say which cohort this is?"})
verdict.labels, verdict.confidence, verdict.version, verdict.raw
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waves.config.project import Project
    from waves.fire_report import FireReport
    from waves.steps.judge import Judgement
    from waves.steps.reports.status import ThemeStatus

__all__ = ["judge", "run_once", "status"]


def run_once(
    theme: str, *, limit: int | None = None, dry_run: bool = False, project: Project | None = None
) -> FireReport:
    """One fire of `theme`, over at most `limit` items; raises the `waves.errors.WaveError` that ended it, if any.

    `project` is that of the current folder unless given; see `waves.config.project.load`.
    """
    from waves import fire

    return fire.run_once(theme, limit=limit, dry_run=dry_run, project=project)


def status(theme: str, *, project: Project | None = None) -> ThemeStatus:
    """Where `theme` stands. Read-only, also while a fire runs."""
    from waves.config import project as projects
    from waves.steps.reports.status import status as read
    from waves.store.connect import open_database

    here = project or projects.load()
    with open_database(here, migrate=False) as db:
        return read(here, db, theme)


def judge(theme: str, given: Mapping[str, str | None], *, project: Project | None = None) -> Judgement:
    """Ask about one input by the theme's active rubric, outside of any wave; see `waves.steps.judge.judge`."""
    from waves.config import project as projects
    from waves.steps.judge import judge as ask
    from waves.steps.session.session import Invocation

    return ask(Invocation(project or projects.load(), theme, {}), given)
