"""What every command that changes something does first and last: open, lock, rescue, record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from waves.executors.processes import warm
from waves.steps.recording import recorded
from waves.steps.rescue import rescue
from waves.steps.session.locking import Guard, locked
from waves.steps.session.session import Opening, Session, open_session
from waves.steps.session.signals import Stop
from waves.steps.submissions.carry import KIND
from waves.steps.tally import Tally
from waves.worker import preload


@contextmanager
def begun(opening: Opening, tally: Tally, *, asks: bool = False) -> Iterator[tuple[Session, Guard]]:
    """A session under all locks, with everything put right that a killed fire left, and a run row of its own. Where it
    `asks` a model, the workers' imports, the longest part of the way there, begin once there is something to ask."""
    stop = Stop()
    with stop.on_signals(), open_session(opening, tally.report.run_id, stop=stop) as session:
        tally.note(rubric_version=session.rubric.version)
        with locked(session) as guard:
            rescue(session)
            with recorded(session, opening.trigger, tally, gold=opening.gold) as gap:
                if asks and gap and session.backend.kind != KIND:
                    warm(preload(session.backend))
                yield session, guard
