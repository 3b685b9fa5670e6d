"""An item that kills its worker every time: it is found and quarantined, and nobody else pays for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.steps.conftest import FireAgain
from tests.integration.steps.recipes import Doomed, Killable
from waves.config.project import REHEARSAL, Project
from waves.fire import FireOptions, fire
from waves.steps import run
from waves.store.connect import Database

SCENARIO = "latency: {a: 0.1}\n"
"""Long enough that several requests are in each worker when it dies."""


@pytest.fixture
def slow(project: Project, tmp_path: Path) -> Project:
    scenario = tmp_path / "slow.yaml"
    scenario.write_text(SCENARIO)
    return replace(project, backends={"rehearsal": replace(REHEARSAL, scenario=str(scenario))})


def doomed(db: Database) -> list[tuple[object, ...]]:
    return db.execute(
        "SELECT entity_key, state, attempts FROM waves.verdict WHERE state <> 'accepted' OR attempts > 0 ORDER BY 1"
    ).fetchall()


def lost(db: Database) -> int:
    """Requests whose worker died."""
    row = db.execute("SELECT count(*) FROM waves.ledger WHERE reason LIKE '%%worker process%%'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("killers", [(7,), (3, 17)], ids=["one", "two"])
def test_the_item_that_kills_is_quarantined_and_no_other_is_charged(
    slow: Project, db: Database, monkeypatch: pytest.MonkeyPatch, killers: tuple[int, ...]
) -> None:
    monkeypatch.setattr(run, "Classifier", Killable)
    db.execute("UPDATE notes SET content = 'It KILLS, why?' WHERE id = ANY (%(ids)s)", {"ids": list(killers)})

    report = fire(replace(slow, limits={"max_attempts": "1"}), "notes", FireOptions())

    assert (report.counts.matched, report.counts.quarantined) == (20 - len(killers), len(killers))
    assert doomed(db) == [(str(n), "quarantined", 1) for n in sorted(killers, key=str)]
    assert lost(db) <= 12 * 4 * len(killers)


def test_an_item_that_kills_and_is_the_last_one_is_quarantined_too(
    slow: Project, db: Database, monkeypatch: pytest.MonkeyPatch, fire_again: FireAgain
) -> None:
    monkeypatch.setattr(run, "Classifier", Killable)
    db.execute("DELETE FROM notes WHERE id > 1")
    db.execute("UPDATE notes SET content = 'It KILLS, why?'")
    assert fire_again(slow)[-1].counts.quarantined == 1
    assert doomed(db) == [("1", "quarantined", 3)]
    assert lost(db) <= 9


def test_where_every_worker_dies_nobody_is_charged(
    slow: Project, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "Classifier", Doomed)
    report = fire(slow, "notes", FireOptions())
    assert report.exit_code == 75
    assert report.fault is not None
    assert "survives in a worker" in report.fault.message
    assert doomed(db) == []
    assert lost(db) <= 25
