"""What every command that changes something does first and last: open the session, take the locks, rescue, and keep a
run row. The row is opened before anything is asked, and finished with what was done, however the command ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from waves.errors import DatabaseError, LockedError, WaveError
from waves.executors.processes import warm
from waves.fire_report import FireReport
from waves.ids import new_run_id
from waves.models import Counts, Ending, Usage
from waves.steps.rescue import rescue
from waves.steps.session.locking import Guard, hold_locks
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.signals import Stop
from waves.store import connect, gap
from waves.store.catalog import describe as catalog
from waves.store.tables import audit, ledger, run_metrics, target_columns
from waves.store.tables.run_metrics import DryRun
from waves.worker import preload


class ReportBuilder:
    """A report that is being built. It holds what was done so far, so that any ending can report it."""

    def __init__(self, report: FireReport) -> None:
        self.report = report

    def note(self, **known: Any) -> None:  # noqa: ANN401 - fields of FireReport
        self.report = replace(self.report, **known)

    def end(self, ending: Ending) -> None:
        self.note(ending=ending)

    def add(self, counts: Counts) -> None:
        """Add the counts of one wave. None means unknown, and remains until a wave knows the number."""
        sums = {}
        for name in (field.name for field in fields(Counts)):
            before, more = getattr(self.report.counts, name), getattr(counts, name)
            sums[name] = before if more is None else (before or 0) + more
        self.note(counts=Counts(**sums))


@contextmanager
def reported(theme_id: str) -> Iterator[ReportBuilder]:
    """A report of what happens in the block, with its duration. If another process holds a lock, the report ends as
    `locked`; after a fault it ends as `failed`, and holds the fault beside the counts of what was done before it."""
    started = time.monotonic()
    builder = ReportBuilder(FireReport(theme_id, new_run_id(), Ending("failed"), 0))
    try:
        yield builder
    except LockedError as fault:
        builder.end(Ending("locked", fault.line))
    except WaveError as fault:
        builder.note(fault=fault)
        builder.end(Ending("failed", fault.message))
    builder.note(duration_ms=round((time.monotonic() - started) * 1000))


@contextmanager
def recorded_session(
    invocation: Invocation, builder: ReportBuilder, *, asks: bool = False
) -> Iterator[tuple[Session, Guard]]:
    """A session under all locks, with a run row of its own, after the rescue of what a killed fire left. If it `asks` a
    model, the workers' imports, which take the longest, start as soon as it is known that there is something to ask."""
    stop = Stop()
    with stop.on_signals(), open_session(invocation, builder.report.run_id, stop=stop) as opened:
        builder.note(rubric_version=opened.rubric.version)
        with hold_locks(opened) as guard:
            rescue(opened)
            session = opened if invocation.gold else _with_recorded_columns(opened)
            with _run_row(session, invocation.trigger, builder, gold=invocation.gold) as missing:
                if asks and missing and not session.backend.traits.takes_submissions:
                    warm(preload(session.backend))
                yield session, guard


def _with_recorded_columns(session: Session) -> Session:
    """The session with the theme's target columns on record. If they have changed, the relations are described again:
    rows that show the version have to be written once more."""
    if not target_columns.record(session.db, session.theme):
        return session
    session.log.write("target_columns", columns=", ".join(column.name for _, column in session.shape.columns))
    return replace(session, describe=cache(partial(catalog.describe, session.db, session.theme)))


@contextmanager
def _run_row(session: Session, trigger: str, builder: ReportBuilder, *, gold: bool = False) -> Iterator[int | None]:
    """Open the run row and finish it with the builder's figures. Gives the size of the gap, None for an evaluation. A
    fault is recorded and raised again."""
    before = None if gold else _gap_size(session)
    run_metrics.start_run(
        session.db, session.run_id, session.theme.theme_id, trigger, session.host, os.getpid(), False, before
    )
    session.log.write("fire", run=session.run_id, theme=session.theme.theme_id, gap=before)
    try:
        yield before
    except WaveError as fault:
        builder.note(fault=fault)
        builder.end(Ending("failed", fault.message))
        _finish_after(fault, session, builder, before)
        raise
    _finish(session, builder, before)


def _finish_after(fault: WaveError, session: Session, builder: ReportBuilder, gap_before: int | None) -> None:
    """Finish the run row of a fire that ends with `fault`, over a new connection if the fault has cost the first one.
    If the database cannot be reached, the next fire closes the row. After a fault of the database the ledger may lack
    requests that are in the journal alone: what the fire sent and spent is unknown."""
    with suppress(WaveError):
        if session.db.connection.closed:
            with connect.reopened(session.db) as db:
                _finish(replace(session, db=db), builder, gap_before)
        else:
            _finish(session, builder, gap_before)
    if isinstance(fault, DatabaseError):
        builder.note(llm_calls=None, tokens=Usage(), cost_usd=None)


def _gap_size(session: Session) -> int:
    return gap.census(session.db, session.shape, session.rubric.version).missing


def record_dry_run(session: Session, trigger: str, started: datetime, builder: ReportBuilder) -> None:
    """The run row of a dry run."""
    report = builder.report
    dry_run = DryRun(
        started_at=started,
        trigger=trigger,
        host=session.host,
        pid=os.getpid(),
        items_considered=report.counts.emitted,
        gap=_gap_size(session),
        rubric_version=session.rubric.version,
        wave_id=report.wave_id,
        error_summary=report.ending.reason,
    )
    run_metrics.record_dry_run(session.db, session.run_id, session.theme.theme_id, dry_run)


def _finish(session: Session, builder: ReportBuilder, gap_before: int | None) -> None:
    spent = ledger.run_spend(session.db, session.run_id)
    builder.note(llm_calls=spent.calls, tokens=spent.tokens, cost_usd=spent.cost_usd)
    builder.note(given_up=tuple(audit.given_up_in(session.db, session.theme.theme_id, session.run_id)))
    if spent.cost_usd is None:
        session.log.write("cost_unknown", models=", ".join(ledger.unknown_models(session.db, session.run_id)))
    report, counts = builder.report, builder.report.counts
    run_metrics.finish_run(
        session.db,
        session.run_id,
        wave_id=report.wave_id,
        state=report.ending.state,
        error_summary="; ".join(filter(None, (report.ending.reason, report.given_up_line()))) or None,
        items_considered=counts.emitted,
        items_processed=(counts.entries or 0) - counts.refused,
        items_skipped=counts.released + counts.missing,
        items_errored=counts.quarantined + counts.refused,
        llm_calls=spent.calls,
        llm_cost_usd=spent.cost_usd,
        rubric_version=session.rubric.version,
        gap_after=None if gap_before is None else _gap_size(session),
    )
    session.log.write("ended", state=report.ending.state, reason=report.ending.reason, counts=counts.line())
