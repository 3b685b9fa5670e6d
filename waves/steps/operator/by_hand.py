"""The steps of a fire one at a time, for a person at a shell. Each runs under the same locks and repairs as a fire."""

from __future__ import annotations

from waves.config.theme import Theme
from waves.errors import ConfigurationError, WaveError
from waves.fire_report import FireReport
from waves.ids import new_run_id
from waves.models import Ending
from waves.steps import approval_gate
from waves.steps.collect import Collected, collect, in_flight_ending
from waves.steps.prepare import prepare, resume_open_wave
from waves.steps.recording import recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session.holding import held_ending, release_hold
from waves.steps.session.locking import hold_locks
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import Wave, WaveContents, batches_of, contents_of, find_open_wave
from waves.steps.submissions.carry import cancel
from waves.store.tables import verdicts, waves


def prepare_wave(invocation: Invocation) -> tuple[FireReport, int]:
    """Open a wave, or write the batches of the open wave again from its missing items. Returns the number of batches,
    too."""
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
    """Classify the missing items of the open wave, even if it is held."""
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder, asks=True) as (session, guard):
        wave = _require_open_wave(session)
        builder.note(wave_id=wave.wave_id)
        release_hold(session, wave)
        contents = read_wave(session, wave)
        missing = (item.identity for item in contents.progress.missing)
        verdicts.end_pauses(session.db, wave.manifest.theme_id, wave.manifest.rubric_version, missing)
        result = run(session, wave, contents, guard)
        counts = result.contents.counts
        builder.add(counts)
        builder.end(result.ending or Ending("converged", f"wave {wave.wave_id}: {counts.line()}"))
    return builder.report.or_raise()


def collect_wave(
    invocation: Invocation, *, partial: bool, accept_orphans_by: str | None, give_up_by: str | None = None
) -> FireReport:
    """Merge the open wave if it has converged. `give_up_by` names who gives up those of its items that failed."""
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder) as (session, _guard):
        wave = _require_open_wave(session)
        builder.note(wave_id=wave.wave_id)
        contents = read_wave(session, wave)
        ending = in_flight_ending(wave) if give_up_by is not None else None
        if give_up_by is not None and ending is None:
            contents = _give_up_failed(session, wave, contents, give_up_by)
        ending = ending or approval_gate.pilot_ending(session, wave.manifest.kind, wave.manifest.rubric_version)
        if ending is not None:
            collected = Collected(contents.counts, ending)
        else:
            collected = collect(session, wave, contents, partial=partial, accept_orphans_by=accept_orphans_by)
        builder.add(collected.counts)
        builder.end(collected.ending or Ending("collected"))
    return builder.report.or_raise()


def _give_up_failed(session: Session, wave: Wave, contents: WaveContents, by: str) -> WaveContents:
    """What has not been answered yet stays missing, and is asked by the next fire."""
    if held_ending(session, wave) is None:
        raise ConfigurationError(
            f"wave {wave.wave_id} is not held: nothing of it would be given up",
            f"See what it waits for: wave status {session.theme.theme_id}.",
        )
    missing = [item.identity for item in contents.progress.missing]
    verdicts.give_up(session.db, wave.wave_id, missing, by, session.run_id)
    contents = contents_of(session.db, wave, contents.parts)
    if not contents.progress.converged:
        release_hold(session, wave)
    return contents


def abandon_wave(invocation: Invocation, by: str, reason: str) -> str:
    """Give up the open wave of this host; returns its id. The next fire enters what was paid for into history, and
    finds the other rows in the gap. Nothing is repaired first, so that a wave that cannot be read can be given up."""
    with open_session(invocation, new_run_id(), read_only=True) as session, hold_locks(session):
        row = waves.current(session.db, session.theme.theme_id)
        if row is None:
            raise _no_open_wave(session.theme, "There is nothing to give up.")
        cancel(session, row.wave_id)
        waves.abandon(session.db, row.wave_id, actor=by, reason=reason)
        return row.wave_id


def _require_open_wave(session: Session) -> Wave:
    wave = find_open_wave(session)
    if wave is None:
        raise _no_open_wave(session.theme)
    return wave


def _no_open_wave(theme: Theme, hint: str | None = None) -> WaveError:
    name = theme.theme_id
    return ConfigurationError(f"theme {name} has no open wave", hint or f"Open one with `wave prepare {name}`.")
