"""One item that spoils every answer it is part of: its companions are accepted all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from waves.config.project import REHEARSAL, Project
from waves.fire import FireOptions, fire
from waves.store.connect import Database

SCENARIO = "poison: [{marker: SPOILS, fault: truncated}]\n"


def test_the_companions_of_a_poisonous_item_are_accepted_in_a_wave_of_one_batch(
    project: Project, db: Database, tmp_path: Path
) -> None:
    db.execute("DELETE FROM notes WHERE id > 4")
    db.execute("UPDATE notes SET content = 'It SPOILS everything, why?' WHERE id = 3")
    scenario = tmp_path / "poison.yaml"
    scenario.write_text(SCENARIO)
    spoiled = replace(project, backends={"rehearsal": replace(REHEARSAL, scenario=str(scenario))})

    report = fire(spoiled, "notes", FireOptions())

    assert (report.counts.matched, report.counts.released) == (3, 1)
    assert db.execute("SELECT id FROM notes WHERE version IS NULL").fetchall() == [(3,)]
