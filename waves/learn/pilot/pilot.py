"""Pilot: a rubric version, active or not, judges a stratified sample as an open wave that is merged only once approved.

The ordinary steps ask for it, under their locks and repairs. Called again, it continues with what is missing and shows
what is there: every row is paid for once. `wave approve` merges it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Theme
from waves.fire_report import FireReport
from waves.learn.pilot.forecast import foresee
from waves.learn.pilot.pilot_wave import open_pilot_wave
from waves.learn.pilot.review import Review, review_markdown, review_wave
from waves.models import Ending
from waves.spool import files
from waves.steps.recording import ReportBuilder, recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session import versions
from waves.steps.session.locking import Guard
from waves.steps.session.session import Invocation, Session, Watcher
from waves.steps.session.wave import Wave
from waves.store.connect import open_database
from waves.store.rubrics import rubric_registry
from waves.store.tables import ledger

KEYS = 34
"""Rows of a pilot by default."""
PAGE = "review.md"


@dataclass(frozen=True, slots=True)
class PilotOptions:
    """What `wave pilot` was called with; `version` None means that of the newest rubric file."""

    version: str | None = None
    keys: int = KEYS
    backend: str | None = None
    dry_run: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Pilot:
    """How a pilot ended, and its results. `cost_usd` is that of the whole wave, None where unknown; `page` is the file
    for a person in the wave's folder. `comparable`: some rows have an old verdict, and another version is active."""

    report: FireReport
    version: str | None = None
    review: Review | None = None
    cost_usd: float | None = None
    page: Path | None = None
    comparable: bool = False


def run_pilot(project: Project, theme_id: str, options: PilotOptions, watcher: Watcher | None = None) -> Pilot:
    """A fault is in the report; it does not raise."""
    result = Pilot(FireReport(theme_id, "", Ending("failed"), 0))
    with reported(theme_id) as builder:
        theme = themes.load(project.prompts, theme_id)
        version = rubrics.newest(theme.folder).version if options.version is None else options.version
        result = replace(result, version=version)
        invocation = Invocation(project, theme_id, {}, options.backend, "pilot", watcher, version)
        if options.dry_run:
            foresee(invocation, options.keys, builder)
        else:
            result = replace(result, version=_register(project, theme, version, options.by))
            with recorded_session(invocation, builder, asks=True) as (session, guard):
                result = _judge_sample(session, guard, options.keys, builder, result)
    builder.note(rubric_version=result.version)
    return replace(result, report=builder.report)


def _register(project: Project, theme: Theme, version: str, by: str | None) -> str:
    """The whole name of the version, which the database knows from now on."""
    with open_database(project) as db:
        rubric = versions.load_rubric(db, theme, version)
        versions.register(db, theme, rubric, by=by)
    return rubric.version


def _judge_sample(session: Session, guard: Guard, keys: int, builder: ReportBuilder, result: Pilot) -> Pilot:
    """Take the open pilot of the session's version, or a new one, as far as it goes now. → `result` with its review."""
    wave = open_pilot_wave(session, keys)
    if isinstance(wave, Ending):
        builder.end(wave)
        return result
    builder.note(wave_id=wave.wave_id)
    ran = run(session, wave, read_wave(session, wave), guard)
    counts = ran.contents.counts
    builder.add(counts)
    builder.end(ran.ending or Ending("converged", f"pilot {wave.wave_id}: {counts.line()}"))
    review = review_wave(session, wave, ran.contents)
    return replace(
        result,
        review=review,
        cost_usd=ledger.wave_cost(session.db, wave.wave_id),
        page=_write_page(wave, review),
        comparable=_is_comparable(session, review),
    )


def _write_page(wave: Wave, review: Review) -> Path:
    path = wave.folder.path / PAGE
    files.write_atomic(path, review_markdown(review).encode())
    return path


def _is_comparable(session: Session, review: Review) -> bool:
    active = rubric_registry.active(session.db, session.theme.theme_id)
    return bool(review.changed or review.unchanged) and active is not None and active.version != review.version
