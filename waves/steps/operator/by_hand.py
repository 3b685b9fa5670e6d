"""The steps of a fire one at a time, for a person at a shell; each under the same locks and repairs as a fire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from waves.errors import ConfigurationError, LockedError, WaveError
from waves.ids import new_run_id
from waves.models import Counts, Ending, FireReport
from waves.steps import approval_gate
from waves.steps.collect import collect
from waves.steps.prepare import prepare, resume_open_wave
from waves.steps.recording import ReportBuilder, recorded_session
from waves.steps.requests.settlement import read_progress
from waves.steps.run import run
from waves.steps.session.locking import Guard, locked
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import Wave, batches_of, find_open_wave
from waves.steps.submissions.carry import cancel
from waves.store.tables import waves


def prepare_wave(invocation: Invocation) -> tuple[FireReport, int]:
    """Open a wave, or make the batches of the open one anew from what is missing; and how many batches there are."""
    builder = _tally(invocation)
    batches = 0
    with _timed(builder), recorded_session(invocation, builder) as (session, _guard):
        wave = resume_open_wave(session)
        if isinstance(wave, Ending):
            builder.end(wave)
            return builder.report, 0
        if wave is not None:
            missing = read_progress(session, wave).missing
            batches = len(wave.folder.write_batches(list(batches_of(missing, session.limits.batch_size))))
        else:
            prepared = prepare(session, session.limits.keys)
            if isinstance(prepared, Ending):
                builder.end(prepared)
                return builder.report, 0
            wave = prepared
            batches = len(list(batches_of(wave.manifest.items, session.limits.batch_size)))
        builder.note(wave_id=wave.wave_id)
        builder.add(read_progress(session, wave).counts())
        builder.end(Ending("prepared"))
    return builder.report, batches


def run_wave(invocation: Invocation) -> FireReport:
    """Classify what is missing of the open wave."""
    builder = _tally(invocation)
    with _timed(builder), recorded_session(invocation, builder, asks=True) as (session, guard):
        wave = _open_wave(session)
        builder.note(wave_id=wave.wave_id)
        builder.end(_run(session, wave, guard, builder))
    return builder.report


def collect_wave(invocation: Invocation, *, partial: bool, accept_orphans_by: str | None) -> FireReport:
    """Merge the open wave, if it converged."""
    builder = _tally(invocation)
    with _timed(builder), recorded_session(invocation, builder) as (session, _guard):
        wave = _open_wave(session)
        builder.note(wave_id=wave.wave_id)
        waits = approval_gate.pilot_waits(session, wave.manifest.kind, wave.manifest.rubric_version)
        merged = waits or collect(session, wave, partial=partial, accept_orphans_by=accept_orphans_by)
        if isinstance(merged, Counts):
            builder.add(merged)
            builder.end(Ending("collected"))
        else:
            builder.add(read_progress(session, wave).counts())
            builder.end(merged)
    return builder.report


def abandon_wave(invocation: Invocation, by: str, reason: str) -> str:
    """Give up the open wave of this host; its id. What was paid for enters history with the next fire, which finds its
    rows in the gap. Nothing is repaired first: this is the way out where a wave cannot be read any more."""
    with open_session(invocation, new_run_id(), read_only=True) as session, locked(session):
        row = waves.current(session.db, session.theme.theme_id)
        if row is None:
            raise _nothing_open(session, "There is nothing to give up.")
        cancel(session, row.wave_id)
        waves.abandon(session.db, row.wave_id, actor=by, reason=reason)
        return row.wave_id


def _run(session: Session, wave: Wave, guard: Guard, builder: ReportBuilder) -> Ending:
    ending = run(session, wave, guard)
    progress = read_progress(session, wave)
    builder.add(progress.counts())
    return ending or Ending("converged", f"wave {wave.wave_id}: {progress.counts().line()}")


def _open_wave(session: Session) -> Wave:
    wave = find_open_wave(session)
    if wave is None:
        raise _nothing_open(session)
    return wave


def _nothing_open(session: Session, hint: str | None = None) -> WaveError:
    theme = session.theme.theme_id
    return ConfigurationError(f"theme {theme} has no open wave", hint or f"Open one with `wave prepare {theme}`.")


def _tally(invocation: Invocation) -> ReportBuilder:
    return ReportBuilder(FireReport(invocation.theme_id, new_run_id(), Ending("failed"), 0))


@contextmanager
def _timed(builder: ReportBuilder) -> Iterator[None]:
    """Measure the step; a lock that somebody else holds is an ending, not a fault."""
    started = time.monotonic()
    try:
        yield
    except LockedError as fault:
        builder.end(Ending("locked", fault.line))
    finally:
        builder.report = replace(builder.report, duration_ms=round((time.monotonic() - started) * 1000))
