"""The run row of a fire: opened before anything is asked, finished with what was done, whatever ended it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from waves.errors import DatabaseError, WaveError
from waves.models import Ending, FireReport
from waves.steps.session.session import Session
from waves.steps.tally import Tally
from waves.store import gap
from waves.store.tables import ledger, run_metrics
from waves.store.tables.run_metrics import DryRun


@contextmanager
def recorded(session: Session, trigger: str, tally: Tally, *, gold: bool = False) -> Iterator[int | None]:
    """Open the run row and give the size of the gap, None where it is about gold; finish it with the tally's figures. A
    fault is recorded and goes on."""
    before = None if gold else _gap(session)
    run_metrics.start_run(
        session.db, session.run_id, session.theme.theme_id, trigger, session.host, os.getpid(), False, before
    )
    session.log.write("fire", run=session.run_id, theme=session.theme.theme_id, gap=before)
    try:
        yield before
    except DatabaseError:
        # the row cannot be finished now; the next fire finds its process gone and closes it
        raise
    except WaveError as fault:
        tally.note(fault=fault)
        tally.end(Ending("failed", fault.message))
        _finish(session, tally, before)
        raise
    _finish(session, tally, before)


def _gap(session: Session) -> int:
    return gap.census(session.db, session.shape, session.rubric.version).missing


def record_dry_run(session: Session, trigger: str, started: datetime, tally: Tally) -> None:
    """The run row of a fire that only looked."""
    report = tally.report
    dry_run = DryRun(
        started_at=started,
        trigger=trigger,
        host=session.host,
        pid=os.getpid(),
        items_considered=report.counts.emitted,
        gap=_gap(session),
        rubric_version=session.rubric.version,
        wave_id=report.wave_id,
        error_summary=report.ending.reason,
    )
    run_metrics.record_dry_run(session.db, session.run_id, session.theme.theme_id, dry_run)


def _finish(session: Session, tally: Tally, gap_before: int | None) -> None:
    spent = ledger.of_run(session.db, session.run_id)
    tally.note(llm_calls=spent.calls, tokens=spent.tokens, cost_usd=spent.cost_usd)
    if spent.cost_usd is None:
        session.log.write("cost_unknown", models=", ".join(ledger.unknown_models(session.db, session.run_id)))
    report: FireReport = tally.report
    counts = report.counts
    run_metrics.finish_run(
        session.db,
        session.run_id,
        wave_id=report.wave_id,
        state=report.ending.state,
        error_summary=report.ending.reason,
        items_considered=counts.emitted,
        items_processed=(counts.entries or 0) - counts.refused,
        items_skipped=counts.released + counts.missing,
        items_errored=counts.quarantined + counts.refused,
        llm_calls=report.llm_calls,
        llm_cost_usd=report.cost_usd,
        rubric_version=session.rubric.version,
        gap_after=None if gap_before is None else _gap(session),
    )
    session.log.write("ended", state=report.ending.state, reason=report.ending.reason, counts=counts.line())
