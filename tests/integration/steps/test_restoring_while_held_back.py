"""Rows whose verdicts are there already: written back where nothing may be asked, and never said to be when they are
not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from waves.config.project import REHEARSAL, Project
from waves.fire import FireOptions, fire
from waves.store import gap
from waves.store.connect import Database

pytestmark = pytest.mark.postgres

N_NOTES = 30


def shown(db: Database) -> int:
    row = db.execute("SELECT count(*) FROM notes WHERE version LIKE 'v1-%%'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def hidden(project: Project, db: Database) -> Project:
    """All notes are judged, and the target shows none of it. There is room for 5 rows to be restored at a time."""
    assert fire(project, "notes", FireOptions(until_complete=True)).ending.state == "complete"
    db.execute("UPDATE notes SET version = 'another'")
    return replace(project, limits={"drift_rows": "5"})


def test_a_window_that_is_used_up_holds_back_nothing_that_is_free(hidden: Project, db: Database) -> None:
    used_up = replace(REHEARSAL, window=timedelta(hours=5), capacity=N_NOTES, use_at_most=1.0)
    report = fire(replace(hidden, backends={"rehearsal": used_up}), "notes", FireOptions(until_complete=True))
    assert report.ending.state == "complete"
    assert shown(db) == N_NOTES


@pytest.mark.parametrize("drift_rows", ["5", "50000"])
def test_a_gate_that_is_used_up_holds_back_nothing_that_went_through_it(
    hidden: Project, db: Database, drift_rows: str
) -> None:
    limits = {"drift_rows": drift_rows, "max_rows_without_approval": str(N_NOTES)}
    shut = replace(hidden, limits=limits)
    assert fire(shut, "notes", FireOptions(until_complete=True)).ending.state == "complete"
    assert shown(db) == N_NOTES
    db.execute("UPDATE notes SET version = 'another'")
    db.execute("INSERT INTO notes (id, content) SELECT 1000 + n, 'new' FROM generate_series(1, 20) AS n")
    held = fire(shut, "notes", FireOptions(until_complete=True))
    assert (held.ending.state, held.llm_calls) == ("awaiting_approval", 0), "what is new waits"
    assert shown(db) == min(N_NOTES, int(drift_rows))


def test_rows_that_cannot_be_restored_do_not_keep_a_fire_for_ever(
    hidden: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap, "restore", lambda *_arguments: 0)
    report = fire(hidden, "notes", FireOptions(until_complete=True))
    assert (report.ending.state, report.exit_code) == ("not_converged", 75)
