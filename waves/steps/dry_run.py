"""`wave fire --dry-run`: what a fire would do now, and what it would cost. No model is asked; the only thing written is
the run row.
"""

from __future__ import annotations

from waves.ids import now
from waves.models import Counts, Ending
from waves.steps import approval_gate
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import available_keys
from waves.steps.prepare import Allowance, allowance
from waves.steps.recording import ReportBuilder, record_dry_run
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import batches_of
from waves.store import gap
from waves.store.tables import waves
from waves.words import counted


def foresee(invocation: Invocation, builder: ReportBuilder) -> None:
    """What a fire would do now. Asks no model, and writes nothing but its own run row."""
    started = now()
    with open_session(invocation, builder.report.run_id, read_only=True) as session:
        builder.note(rubric_version=session.rubric.version)
        _foresee(session, builder)
        record_dry_run(session, invocation.trigger, started, builder)


def _foresee(session: Session, builder: ReportBuilder) -> None:
    row = waves.current(session.db, session.theme.theme_id)
    if row is not None:
        builder.note(wave_id=row.wave_id)
        waits = approval_gate.pilot_waits(session, row.kind, row.rubric_version)
        would = f"go on with wave {row.wave_id} ({row.state}, opened on {row.host})"
        builder.end(Ending("dry_run", f"would do nothing: {waits.reason}" if waits else f"would {would}"))
        return
    asleep = snooze_ending(session)
    planned = Allowance(0, asleep) if asleep else allowance(session, session.limits.keys, available_keys)
    if planned.ending is not None:
        builder.end(Ending("dry_run", f"would do nothing: {planned.ending.reason}"))
        return
    taken = gap.take(
        session.db, session.shape, session.rubric.version, planned.keys, session.limits.drift_rows, dry_run=True
    )
    batches = list(batches_of(taken.items, session.limits.batch_size))
    costs = forecast(session, batches)
    builder.note(cost_usd=costs.usd)
    builder.add(Counts(emitted=len(taken.items), missing=len(taken.items)))
    builder.end(
        Ending(
            "dry_run",
            f"would ask {session.backend.models[0]} on backend {session.backend.name} for "
            f"{counted(len(taken.items), 'item')} in {counted(len(batches), 'request')} by rubric "
            f"{session.rubric.version}, "
            f"and restore {counted(taken.restored, 'row')} without asking; {costs.text}",
        )
    )
