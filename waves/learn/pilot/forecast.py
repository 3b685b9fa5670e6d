"""What a pilot would do now. Asks no model and writes nothing."""

from __future__ import annotations

from waves.learn.pilot.pilot_wave import find_open_pilot, sample_rows
from waves.models import Counts, Ending
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import available_keys
from waves.steps.prepare import allow_keys
from waves.steps.recording import ReportBuilder
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.wave import batches_of
from waves.words import counted


def foresee(invocation: Invocation, keys: int, builder: ReportBuilder) -> None:
    """Enters the counts, the cost and the ending `dry_run`, whose reason says it in words."""
    with open_session(invocation, builder.report.run_id, read_only=True) as session:
        builder.end(Ending("dry_run", _foresee(session, keys, builder)))


def _foresee(session: Session, keys: int, builder: ReportBuilder) -> str:
    if (wave := find_open_pilot(session)) is not None:
        builder.note(wave_id=wave.wave_id)
        return f"would go on with pilot {wave.wave_id}"
    planned = allow_keys(session, keys, available_keys)
    if (ending := snooze_ending(session) or planned.ending) is not None:
        return f"would do nothing: {ending.reason}"
    items = sample_rows(session, planned.keys)
    costs = forecast(session, list(batches_of(items, session.limits.batch_size)))
    builder.note(cost_usd=costs.usd)
    builder.add(Counts(emitted=len(items), missing=len(items)))
    asked = f"{session.backend.models[0]} on backend {session.backend.name} by rubric {session.rubric.version}"
    return f"would ask {asked} for {counted(len(items), 'row')}; {costs.text}"
