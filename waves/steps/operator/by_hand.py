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
from waves.steps.prepare import go_on, prepare
from waves.steps.recording import Tally, begun
from waves.steps.requests.settlement import standing
from waves.steps.run import run
from waves.steps.session.locking import Guard, locked
from waves.steps.session.session import Opening, Session, open_session
from waves.steps.session.wave import Opened, batches_of, find_open
from waves.steps.submissions.carry import cancel
from waves.store.tables import waves


def prepare_wave(opening: Opening) -> tuple[FireReport, int]:
    """Open a wave, or make the batches of the open one anew from what is missing; and how many batches there are."""
    tally = _tally(opening)
    batches = 0
    with _timed(tally), begun(opening, tally) as (session, _guard):
        wave = go_on(session)
        if isinstance(wave, Ending):
            tally.end(wave)
            return tally.report, 0
        if wave is not None:
            missing = standing(session, wave).missing
            batches = len(wave.folder.write_batches(list(batches_of(missing, session.limits.batch_size))))
        else:
            prepared = prepare(session, session.limits.keys)
            if isinstance(prepared, Ending):
                tally.end(prepared)
                return tally.report, 0
            wave = prepared
            batches = len(list(batches_of(wave.manifest.items, session.limits.batch_size)))
        tally.note(wave_id=wave.wave_id)
        tally.add(standing(session, wave).counts())
        tally.end(Ending("prepared"))
    return tally.report, batches


def run_wave(opening: Opening) -> FireReport:
    """Classify what is missing of the open wave."""
    tally = _tally(opening)
    with _timed(tally), begun(opening, tally, asks=True) as (session, guard):
        wave = _open_wave(session)
        tally.note(wave_id=wave.wave_id)
        tally.end(_run(session, wave, guard, tally))
    return tally.report


def collect_wave(opening: Opening, *, partial: bool, accept_orphans_by: str | None) -> FireReport:
    """Merge the open wave, if it converged."""
    tally = _tally(opening)
    with _timed(tally), begun(opening, tally) as (session, _guard):
        wave = _open_wave(session)
        tally.note(wave_id=wave.wave_id)
        waits = approval_gate.pilot_waits(session, wave.manifest.kind, wave.manifest.rubric_version)
        merged = waits or collect(session, wave, partial=partial, accept_orphans_by=accept_orphans_by)
        if isinstance(merged, Counts):
            tally.add(merged)
            tally.end(Ending("collected"))
        else:
            tally.add(standing(session, wave).counts())
            tally.end(merged)
    return tally.report


def abandon_wave(opening: Opening, by: str, reason: str) -> str:
    """Give up the open wave of this host; its id. What was paid for enters history with the next fire, which finds its
    rows in the gap. Nothing is repaired first: this is the way out where a wave cannot be read any more."""
    with open_session(opening, new_run_id(), read_only=True) as session, locked(session):
        row = waves.current(session.db, session.theme.theme_id)
        if row is None:
            raise _nothing_open(session, "There is nothing to give up.")
        cancel(session, row.wave_id)
        waves.abandon(session.db, row.wave_id, actor=by, reason=reason)
        return row.wave_id


def _run(session: Session, wave: Opened, guard: Guard, tally: Tally) -> Ending:
    ending = run(session, wave, guard)
    stands = standing(session, wave)
    tally.add(stands.counts())
    return ending or Ending("converged", f"wave {wave.wave_id}: {stands.counts().line()}")


def _open_wave(session: Session) -> Opened:
    wave = find_open(session)
    if wave is None:
        raise _nothing_open(session)
    return wave


def _nothing_open(session: Session, hint: str | None = None) -> WaveError:
    theme = session.theme.theme_id
    return ConfigurationError(f"theme {theme} has no open wave", hint or f"Open one with `wave prepare {theme}`.")


def _tally(opening: Opening) -> Tally:
    return Tally(FireReport(opening.theme_id, new_run_id(), Ending("failed"), 0))


@contextmanager
def _timed(tally: Tally) -> Iterator[None]:
    """Measure the step; a lock that somebody else holds is an ending, not a fault."""
    started = time.monotonic()
    try:
        yield
    except LockedError as fault:
        tally.end(Ending("locked", fault.line))
    finally:
        tally.report = replace(tally.report, duration_ms=round((time.monotonic() - started) * 1000))
