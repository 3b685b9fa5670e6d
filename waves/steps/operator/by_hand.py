"""The steps of a fire one at a time, for a person at a shell; each under the same locks and repairs as a fire."""

from __future__ import annotations

from waves.config.theme import Theme
from waves.errors import ConfigurationError, WaveError
from waves.ids import new_run_id
from waves.models import Ending, FireReport
from waves.steps import approval_gate
from waves.steps.collect import Collected, collect
from waves.steps.prepare import prepare, resume_open_wave
from waves.steps.recording import recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session.locking import hold_locks
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import Wave, batches_of, find_open_wave
from waves.steps.submissions.carry import cancel
from waves.store.tables import waves


def prepare_wave(invocation: Invocation) -> tuple[FireReport, int]:
    """Open a wave, or write the batches of the open one again from its missing items; and the number of batches."""
    batches = 0
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder) as (session, _guard):
        resumed = resume_open_wave(session)
        wave = resumed or prepare(session, session.limits.keys)
        if isinstance(wave, Ending):
            builder.end(wave)
        else:
            contents = read_wave(session, wave)
            due = list(batches_of(contents.progress.missing, session.limits.batch_size))
            batches = len(wave.folder.write_batches(due) if resumed else due)
            builder.note(wave_id=wave.wave_id)
            builder.add(contents.counts)
            builder.end(Ending("prepared"))
    return builder.report.or_raise(), batches


def run_wave(invocation: Invocation) -> FireReport:
    """Classify the missing items of the open wave."""
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder, asks=True) as (session, guard):
        wave = _open_wave(session)
        builder.note(wave_id=wave.wave_id)
        result = run(session, wave, read_wave(session, wave), guard)
        counts = result.contents.counts
        builder.add(counts)
        builder.end(result.ending or Ending("converged", f"wave {wave.wave_id}: {counts.line()}"))
    return builder.report.or_raise()


def collect_wave(invocation: Invocation, *, partial: bool, accept_orphans_by: str | None) -> FireReport:
    """Merge the open wave, if it converged."""
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder) as (session, _guard):
        wave = _open_wave(session)
        builder.note(wave_id=wave.wave_id)
        contents = read_wave(session, wave)
        waits = approval_gate.pilot_waits(session, wave.manifest.kind, wave.manifest.rubric_version)
        if waits is not None:
            collected = Collected(contents.counts, waits)
        else:
            collected = collect(session, wave, contents, partial=partial, accept_orphans_by=accept_orphans_by)
        builder.add(collected.counts)
        builder.end(collected.ending or Ending("collected"))
    return builder.report.or_raise()


def abandon_wave(invocation: Invocation, by: str, reason: str) -> str:
    """Give up the open wave of this host; its id. What was paid for enters history with the next fire, which finds its
    rows in the gap. Nothing is repaired first: this is the way out where a wave cannot be read any more."""
    with open_session(invocation, new_run_id(), read_only=True) as session, hold_locks(session):
        row = waves.current(session.db, session.theme.theme_id)
        if row is None:
            raise _nothing_open(session.theme, "There is nothing to give up.")
        cancel(session, row.wave_id)
        waves.abandon(session.db, row.wave_id, actor=by, reason=reason)
        return row.wave_id


def _open_wave(session: Session) -> Wave:
    wave = find_open_wave(session)
    if wave is None:
        raise _nothing_open(session.theme)
    return wave


def _nothing_open(theme: Theme, hint: str | None = None) -> WaveError:
    name = theme.theme_id
    return ConfigurationError(f"theme {name} has no open wave", hint or f"Open one with `wave prepare {name}`.")
