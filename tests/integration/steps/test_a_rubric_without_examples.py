"""A rubric without examples is probed with an empty input: it tells an outage from an item that gets no answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.steps.conftest import RUBRIC, FireAgain
from waves.config.project import REHEARSAL, Project
from waves.fire import FireOptions, fire
from waves.store.connect import Database


@pytest.fixture
def plain(project: Project) -> Project:
    (project.prompts / "notes" / "v1.md").write_text(RUBRIC.partition("### Example")[0])
    return project


def asked_as(project: Project, tmp_path: Path, scenario: str) -> Project:
    path = tmp_path / "scenario.yaml"
    path.write_text(scenario)
    return replace(project, backends={"rehearsal": replace(REHEARSAL, scenario=str(path), timeout=0.5)})


def probes(db: Database) -> list[tuple[object, ...]]:
    return db.execute("SELECT fate FROM waves.ledger WHERE items = 0").fetchall()


def test_an_outage_charges_nobody(plain: Project, db: Database, tmp_path: Path) -> None:
    report = fire(asked_as(plain, tmp_path, "down: [{fault: 529}]"), "notes", FireOptions())
    assert report.ending.state == "snoozed"
    assert probes(db) == [("unpaid",)]
    assert db.execute("SELECT 1 FROM waves.verdict").fetchall() == []


def test_the_last_item_that_never_gets_an_answer_is_quarantined(
    plain: Project, db: Database, tmp_path: Path, fire_again: FireAgain
) -> None:
    db.execute("DELETE FROM notes WHERE id > 1")
    report = fire_again(asked_as(plain, tmp_path, "poison: [{marker: number, fault: 500}]"))[-1]
    assert (report.ending.state, report.counts.quarantined) == ("complete", 1)
    assert probes(db) == [("paid",)] * 3
