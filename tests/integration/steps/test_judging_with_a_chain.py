"""A single judgement goes down the chain of models as a fire does; an evaluation measures the model that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.provider import Provider
from waves.config.project import BackendConfig
from waves.errors import ConfigurationError, CredentialsError
from waves.learn.evaluation.evaluate import evaluate
from waves.learn.evaluation.settings import EvaluationOptions
from waves.steps.judge import judge
from waves.steps.session.session import Invocation
from waves.store.connect import Database

NOTE = {"content": "How many of them were there?"}

pytestmark = pytest.mark.postgres


def behind(opening: Callable[..., Invocation], url: str) -> Invocation:
    asked = opening()
    backend = BackendConfig("rehearsal", "anthropic", ("a", "b"), url, api_key="any", timeout=5.0)
    return replace(asked, project=replace(asked.project, backends={"rehearsal": backend}))


@pytest.mark.parametrize("fault", ["404", "429", "529"])
def test_the_next_model_judges_what_the_first_does_not_answer(
    fault: str, opening: Callable[..., Invocation], provider: Provider, db: Database
) -> None:
    asked = behind(opening, provider.start({"down": [{"models": ["a"], "fault": fault}]}))
    assert judge(asked, NOTE).model == "b"
    assert db.execute("SELECT model, fate FROM waves.ledger ORDER BY model").fetchall() == [
        ("a", "unpaid"),
        ("b", "paid"),
    ]


@pytest.mark.parametrize(
    ("fault", "models", "fault_class"),
    [("401", ["a"], CredentialsError), ("404", ["a", "b"], ConfigurationError)],
)
def test_what_no_model_can_answer_is_raised(
    fault: str,
    models: list[str],
    fault_class: type[Exception],
    opening: Callable[..., Invocation],
    provider: Provider,
) -> None:
    asked = behind(opening, provider.start({"down": [{"models": models, "fault": fault}]}))
    with pytest.raises(fault_class):
        judge(asked, NOTE)
    assert {line["model"] for line in provider.lines("arrived")} <= set(models)


def test_an_evaluation_asks_no_other_model_than_the_one_it_measures(
    opening: Callable[..., Invocation], provider: Provider
) -> None:
    asked = behind(opening, provider.start({"down": [{"models": ["a"], "fault": "404"}]}))
    gold = asked.project.prompts / "notes" / "gold.jsonl"
    gold.write_text("".join(f'{{"id": "{number}", "labels": ["question"]}}\n' for number in range(1, 5)))
    with pytest.raises(ConfigurationError, match="does not know this address or model"):
        evaluate(asked.project, "notes", EvaluationOptions())
    assert {line["model"] for line in provider.lines("arrived")} == {"a"}
