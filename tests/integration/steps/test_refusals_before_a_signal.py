"""A fire that is stopped after a refusal: what would have come next is not known, so the row is not given up."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.steps.test_superseded import Meddler
from waves.config.project import REHEARSAL, Project
from waves.fire import FireOptions, fire
from waves.store.connect import Database

pytestmark = pytest.mark.postgres

SCENARIO = "{down: [{start: 2, fault: refusal}], latency: {a: 0.2}}\n"


def test_a_row_that_was_refused_just_before_a_signal_is_asked_again(
    project: Project, db: Database, tmp_path: Path
) -> None:
    theme = project.prompts / "notes" / "theme.yaml"
    theme.write_text(theme.read_text().replace("batch_size: 4, parallel: 4", "batch_size: 1, parallel: 1"))
    scenario = tmp_path / "refuses.yaml"
    scenario.write_text(SCENARIO)
    refusing = replace(project, backends={"rehearsal": replace(REHEARSAL, scenario=str(scenario))})

    stop = Meddler(at_parts=lambda: os.kill(os.getpid(), signal.SIGTERM))
    report = fire(refusing, "notes", FireOptions(), stop)

    assert report.ending.state == "interrupted"
    assert report.counts.parts == 1
    assert db.execute("SELECT count(*) FROM waves.ledger").fetchone() == (2,), "the second request was refused"
    assert db.execute("SELECT FROM waves.verdict").fetchall() == []
