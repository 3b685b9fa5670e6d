"""`wave fire --dry-run`: what a fire would do now, and what it would cost. No model is asked; the only thing written is
the run row.
"""

from __future__ import annotations

from waves.ids import now
from waves.models import Counts, Ending
from waves.steps import approval_gate
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snoozed
from waves.steps.budget.window_keys import would_reserve
from waves.steps.prepare import Plan, plan
from waves.steps.recording import Tally, record_dry_run
from waves.steps.session.session import Opening, Session, open_session
from waves.steps.session.wave import batches_of
from waves.store import gap
from waves.store.tables import waves
from waves.words import counted


def foresee(opening: Opening, tally: Tally) -> None:
    """What a fire would do now. Asks no model, and writes nothing but its own run row."""
    started = now()
    with open_session(opening, tally.report.run_id, read_only=True) as session:
        tally.note(rubric_version=session.rubric.version)
        _foresee(session, tally)
        record_dry_run(session, opening.trigger, started, tally)


def _foresee(session: Session, tally: Tally) -> None:
    row = waves.current(session.db, session.theme.theme_id)
    if row is not None:
        tally.note(wave_id=row.wave_id)
        waits = approval_gate.pilot_waits(session, row.kind, row.rubric_version)
        would = f"go on with wave {row.wave_id} ({row.state}, opened on {row.host})"
        tally.end(Ending("dry_run", f"would do nothing: {waits.reason}" if waits else f"would {would}"))
        return
    asleep = snoozed(session)
    planned = Plan(0, asleep) if asleep else plan(session, session.limits.keys, would_reserve)
    if planned.ending is not None:
        tally.end(Ending("dry_run", f"would do nothing: {planned.ending.reason}"))
        return
    taken = gap.take(
        session.db, session.shape, session.rubric.version, planned.keys, session.limits.drift_rows, dry_run=True
    )
    batches = list(batches_of(taken.items, session.limits.batch_size))
    costs = forecast(session, batches)
    tally.note(cost_usd=costs.usd)
    tally.add(Counts(emitted=len(taken.items), missing=len(taken.items)))
    tally.end(
        Ending(
            "dry_run",
            f"would ask {session.backend.models[0]} on backend {session.backend.name} for "
            f"{counted(len(taken.items), 'item')} in {counted(len(batches), 'request')} by rubric "
            f"{session.rubric.version}, "
            f"and restore {counted(taken.restored, 'row')} without asking; {costs.text}",
        )
    )
