"""Gold that never gets an answer: it counts as wrong, no row fails by it, and the evaluation is over all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from waves.config.project import REHEARSAL, Project
from waves.learn.evaluation.evaluate import evaluate
from waves.learn.evaluation.settings import EvaluationOptions
from waves.store.connect import Database


@pytest.mark.parametrize("fault", ["truncated", "refusal"])
def test_an_item_without_an_answer_is_wrong_and_its_row_stays_in_the_gap(
    project: Project, db: Database, tmp_path: Path, fault: str
) -> None:
    db.execute("UPDATE notes SET content = 'It SPOILS everything, why?' WHERE id = 3")
    scenario = tmp_path / "poison.yaml"
    scenario.write_text(f"poison: [{{marker: SPOILS, fault: {fault}}}]\n")
    spoiled = replace(project, backends={"rehearsal": replace(REHEARSAL, scenario=str(scenario))})
    gold = "\n".join(f'{{"id": {number}, "label": "question"}}' for number in range(1, 9))
    (project.prompts / "notes" / "gold.jsonl").write_text(gold)

    (setting,) = evaluate(spoiled, "notes", EvaluationOptions()).settings

    assert (setting.answered, setting.unanswered, setting.metrics.exact_match) == (7, ("3",), 7 / 8)
    assert setting.metrics.macro is not None
    assert setting.metrics.macro.recall == 7 / 8
    assert db.execute("SELECT FROM waves.verdict").fetchall() == []
    sent = db.execute("SELECT count(*) FROM waves.ledger").fetchall()
    assert evaluate(spoiled, "notes", EvaluationOptions()).settings == (setting,)
    assert db.execute("SELECT count(*) FROM waves.ledger").fetchall() == sent
