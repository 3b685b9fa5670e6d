"""`wave fire --dry-run`: what a fire would do now, and its cost. Asks no model, and writes nothing but its run row."""

from __future__ import annotations

from waves.ids import now
from waves.models import Counts, Ending
from waves.steps import approval_gate
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import available_keys
from waves.steps.prepare import Allowance, allow_keys, reasked_line, unreadable_line
from waves.steps.recording import ReportBuilder, record_dry_run
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import batches_of
from waves.store import gap
from waves.store.gap import Taken
from waves.store.tables import waves
from waves.words import counted


def preview_fire(invocation: Invocation, builder: ReportBuilder) -> None:
    started = now()
    with open_session(invocation, builder.report.run_id, read_only=True) as session:
        builder.note(rubric_version=session.rubric.version)
        builder.end(Ending("dry_run", f"would {_next_step(session, builder)}"))
        record_dry_run(session, invocation.trigger, started, builder)


def _next_step(session: Session, builder: ReportBuilder) -> str:
    """What a fire would do, in words."""
    row = waves.current(session.db, session.theme.theme_id)
    if row is not None:
        builder.note(wave_id=row.wave_id)
        ending = approval_gate.pilot_ending(session, row.kind, row.rubric_version)
        if ending is not None:
            return f"do nothing: {ending.reason}"
        return f"continue wave {row.wave_id} ({row.state}, opened on {row.host})"
    asleep = snooze_ending(session)
    allowance = Allowance(0, asleep) if asleep else allow_keys(session, session.limits.keys, available_keys)
    if allowance.ending is not None:
        return f"do nothing: {allowance.ending.reason}"
    taken = gap.take(
        session.db,
        session.shape,
        session.rubric.version,
        allowance.keys,
        session.limits.drift_rows,
        max_reasked_rate=session.limits.max_reasked_rate,
        dry_run=True,
    )
    return _new_wave(session, taken, builder)


def _new_wave(session: Session, taken: Taken, builder: ReportBuilder) -> str:
    batches = list(batches_of(taken.items, session.limits.batch_size))
    costs = forecast(session, batches)
    builder.note(cost_usd=costs.usd)
    builder.add(Counts(emitted=len(taken.items), missing=len(taken.items)))
    return (
        f"ask {session.backend.models[0]} on backend {session.backend.name} for {counted(len(taken.items), 'item')} in "
        f"{counted(len(batches), 'request')} by rubric {session.rubric.version}, "
        f"and restore {counted(taken.restored, 'row')} without asking; {costs.text}"
        + (f"; {unreadable_line(session.shape, taken.unreadable)}" if taken.unreadable else "")
        + (f"; {reasked_line(session, taken.reasked)}" if taken.reasked else "")
    )
