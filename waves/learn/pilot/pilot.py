"""Pilot: a version that need not be in force judges a stratified sample, as an open wave that nothing is merged from.

It is asked for by the ordinary steps, under their locks and repairs. Done again, it goes on with what is missing, and
shows what is there: every row is paid for once. `approval` merges it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ApprovalError, HeldError, TryLaterError
from waves.learn.pilot import strata
from waves.learn.pilot.review import Review, page, review
from waves.models import Counts, Ending, FireReport, Item
from waves.spool import files
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import available_keys, reserve_keys
from waves.steps.prepare import allow_keys, open_wave
from waves.steps.recording import ReportBuilder, recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session import versions
from waves.steps.session.locking import Guard
from waves.steps.session.session import Invocation, Session, Watcher, open_session
from waves.steps.session.wave import Wave, batches_of, find_open_wave
from waves.store.connect import open_database
from waves.store.rows import known_rows, pilot_sample
from waves.store.rubrics import rubric_registry
from waves.store.tables import ledger, waves
from waves.words import counted

KEYS = 34
"""Rows of a pilot, unless somebody says otherwise."""
PAGE = "review.md"


@dataclass(frozen=True, slots=True)
class PilotOptions:
    """What a pilot was asked for; `version` None means that of the newest rubric file."""

    version: str | None = None
    keys: int = KEYS
    backend: str | None = None
    dry_run: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Pilot:
    """How it ended, and what there is to see. `cost_usd` is that of the whole wave, None where unknown; `page` is the
    file for a person, in the wave's folder. `comparable`: with what the version in force says of these rows."""

    report: FireReport
    version: str | None = None
    review: Review | None = None
    cost_usd: float | None = None
    page: Path | None = None
    comparable: bool = False


def pilot(project: Project, theme_id: str, order: PilotOptions, watcher: Watcher | None = None) -> Pilot:
    """A fault comes back in the report."""
    found = Pilot(FireReport(theme_id, "", Ending("failed"), 0))
    with reported(theme_id) as builder:
        theme = themes.load(project.prompts, theme_id)
        version = rubrics.newest(theme.folder).version if order.version is None else order.version
        found = replace(found, version=version)
        invocation = Invocation(project, theme_id, {}, order.backend, "pilot", watcher, version)
        if order.dry_run:
            _foresee(invocation, order.keys, builder)
        else:
            with open_database(project) as db:
                rubric = versions.load_rubric(db, theme, version)
                versions.register(db, theme, rubric, by=order.by)
            found = replace(found, version=rubric.version)
            with recorded_session(invocation, builder, asks=True) as (session, guard):
                found = _judged(session, guard, order.keys, builder, found)
    builder.note(rubric_version=found.version)
    return replace(found, report=builder.report)


def _judged(session: Session, guard: Guard, keys: int, builder: ReportBuilder, found: Pilot) -> Pilot:
    """The open pilot of the session's version, or a new one, taken as far as it goes now."""
    wave = _open_pilot(session) or _prepared(session, keys)
    if isinstance(wave, Ending):
        builder.end(wave)
        return found
    builder.note(wave_id=wave.wave_id)
    result = run(session, wave, read_wave(session, wave), guard)
    counts = result.contents.counts
    builder.add(counts)
    builder.end(result.ending or Ending("converged", f"pilot {wave.wave_id}: {counts.line()}"))
    seen = review(session, wave, result.contents)
    path = wave.folder.path / PAGE
    files.write_atomic(path, page(seen).encode())
    active = rubric_registry.active(session.db, session.theme.theme_id)
    comparable = bool(seen.changed or seen.unchanged) and active is not None and active.version != seen.version
    cost = ledger.of_wave(session.db, wave.wave_id)
    return replace(found, review=seen, cost_usd=cost, page=path, comparable=comparable)


def _open_pilot(session: Session) -> Wave | None:
    """Raises where another wave is in the way: one that the next fire finishes by itself, or one that only a person
    can end."""
    wave, row, theme = (
        find_open_wave(session),
        waves.current(session.db, session.theme.theme_id),
        session.theme.theme_id,
    )
    if wave is None or row is None:
        return None
    if wave.manifest.kind == "pilot" and wave.manifest.rubric_version == session.rubric.version:
        return wave
    if wave.manifest.kind == "pilot":
        other = wave.manifest.rubric_version
        raise ApprovalError(
            f"a pilot of rubric {other} is open",
            f"`wave approve {theme} --by NAME` merges it, `wave abandon {theme} --by NAME` gives it up.",
        )
    if row.state == "held":
        raise HeldError(f"wave {wave.wave_id} is held: {row.reason}", f"`wave status {theme}` says what to do.")
    raise TryLaterError(f"wave {wave.wave_id} is open", f"`wave fire {theme}` finishes it; then run the pilot.")


def _prepared(session: Session, keys: int) -> Wave | Ending:
    if (asleep := snooze_ending(session)) is not None:
        return asleep
    planned = allow_keys(session, keys, reserve_keys)
    if planned.ending is not None:
        return planned.ending
    items = _sample(session, planned.keys)
    if not items:
        return Ending("complete", f"no row in scope waits for a verdict of rubric {session.rubric.version}")
    return open_wave(session, items, "pilot")


def _sample(session: Session, keys: int) -> tuple[Item, ...]:
    """Rows of each kind of old verdict."""
    db, shape, version = session.db, session.shape, session.rubric.version
    pool = pilot_sample.candidates(db, shape, version)
    held = known_rows.old_verdicts(db, shape, [one.entity_key for one in pool])
    kinds = [strata.stratum(held[one.entity_key].output if one.entity_key in held else None) for one in pool]
    chosen = strata.choose(kinds, keys)
    return pilot_sample.items(db, shape, version, [pool[n].key for n in chosen])


def _foresee(invocation: Invocation, keys: int, builder: ReportBuilder) -> None:
    """What a pilot would do now. Asks no model and writes nothing."""
    with open_session(invocation, builder.report.run_id, read_only=True) as session:
        if (wave := _open_pilot(session)) is not None:
            builder.note(wave_id=wave.wave_id)
            builder.end(Ending("dry_run", f"would go on with pilot {wave.wave_id}"))
            return
        planned = allow_keys(session, keys, available_keys)
        if (ending := snooze_ending(session) or planned.ending) is not None:
            builder.end(Ending("dry_run", f"would do nothing: {ending.reason}"))
            return
        items = _sample(session, planned.keys)
        costs = forecast(session, list(batches_of(items, session.limits.batch_size)))
        builder.note(cost_usd=costs.usd)
        builder.add(Counts(emitted=len(items), missing=len(items)))
        builder.end(Ending("dry_run", f"would ask {_whom(session)} for {counted(len(items), 'row')}; {costs.text}"))


def _whom(session: Session) -> str:
    return f"{session.backend.models[0]} on backend {session.backend.name} by rubric {session.rubric.version}"
