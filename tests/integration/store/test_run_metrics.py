"""Run rows: opened, closed with figures, and closed as died by the next fire of the same host alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.tables import run_metrics
from waves.store.tables.run_metrics import DryRun

pytestmark = pytest.mark.postgres


@pytest.fixture
def theme(db: Database) -> str:
    rubric_registry.ensure_theme(db, "letters")
    return "letters"


def test_a_run_starts_running_and_ends_with_its_figures(db: Database, theme: str) -> None:
    run_metrics.start_run(db, "r1", theme, "cron", "here", os.getpid(), dry_run=False)
    (running,) = run_metrics.last_runs(db, theme, 1, dry_runs=False)
    assert (running.state, running.finished_at, running.llm_cost_usd) == ("running", None, None)
    run_metrics.finish_run(
        db, "r1", state="collected", wave_id="w1", items_processed=7, llm_calls=1, error_summary="a\x00b"
    )
    (ended,) = run_metrics.last_runs(db, theme, 1, dry_runs=False)
    assert (ended.state, ended.wave_id, ended.items_processed, ended.items_errored) == ("collected", "w1", 7, 0)
    assert ended.error_summary == "a\\u0000b"
    assert ended.llm_cost_usd is None
    assert ended.finished_at is not None
    assert ended.duration_ms is not None
    assert ended.duration_ms >= 0


def test_running_rows_of_this_host_are_closed_as_died_whoever_bears_their_process_number_now(
    db: Database, theme: str
) -> None:
    rubric_registry.ensure_theme(db, "numbers")
    run_metrics.start_run(db, "r-dead", theme, "cron", "here", os.getpid(), dry_run=False)
    run_metrics.start_run(db, "r-elsewhere", theme, "cron", "there", 1, dry_run=False)
    run_metrics.start_run(db, "r-other-theme", "numbers", "cron", "here", 1, dry_run=False)
    assert run_metrics.close_dead_runs(db, theme, "here") == ["r-dead"]
    assert run_metrics.close_dead_runs(db, theme, "here") == []
    states = {run.run_id: run.state for run in run_metrics.last_runs(db, theme, 10)}
    assert states == {"r-dead": "died", "r-elsewhere": "running"}
    assert run_metrics.last_runs(db, "numbers", 1)[0].state == "running"


def _dry_run(started: datetime) -> DryRun:
    names = {"trigger": "cli", "host": "here", "pid": 1, "wave_id": None, "rubric_version": "v1-0000000"}
    return DryRun(started_at=started, items_considered=9, gap=12, error_summary="would ask", **names)  # type: ignore[arg-type]


def test_a_dry_run_is_marked_and_never_the_last_run(db: Database, theme: str) -> None:
    started = datetime.now(UTC) - timedelta(seconds=2)
    run_metrics.start_run(db, "r1", theme, "cron", "here", 1, dry_run=False)
    run_metrics.record_dry_run(db, "r2", theme, _dry_run(started + timedelta(seconds=3)))
    dry, _ = run_metrics.last_runs(db, theme, 2)
    assert (dry.run_id, dry.dry_run, dry.state, dry.llm_calls, dry.llm_cost_usd) == ("r2", True, "dry_run", 0, 0)
    assert (dry.items_considered, dry.items_processed, dry.gap_before, dry.gap_after) == (9, 0, 12, 12)
    assert dry.finished_at is not None
    assert run_metrics.close_dead_runs(db, theme, "here") == ["r1"]
    last = run_metrics.last_runs(db, theme, 1, dry_runs=False)[0]
    assert last is not None
    assert last.run_id == "r1"


def test_a_dry_run_registers_no_theme_and_works_where_nothing_may_be_written(db: Database, theme: str) -> None:
    run_metrics.record_dry_run(db, "r1", "unknown", _dry_run(datetime.now(UTC)))
    db.execute("SET default_transaction_read_only = on")
    run_metrics.record_dry_run(db, "r2", theme, _dry_run(datetime.now(UTC)))
    assert db.execute("SELECT count(*) FROM waves.runs").fetchone() == (0,)
    assert run_metrics.last_runs(db, theme, 2) == []


def test_the_last_runs_come_newest_first_and_of_the_theme_alone(db: Database, theme: str) -> None:
    rubric_registry.ensure_theme(db, "numbers")
    for number in range(3):
        run_metrics.start_run(db, f"r{number}", theme, "cli", "here", 1, dry_run=True)
    run_metrics.start_run(db, "r9", "numbers", "cli", "here", 1, dry_run=False)
    assert [run.run_id for run in run_metrics.last_runs(db, theme, 2)] == ["r2", "r1"]
    assert run_metrics.last_runs(db, "unknown", 1) == []
