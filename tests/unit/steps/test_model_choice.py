"""Which model of a chain may give up an item."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from waves.steps.requests.model_choice import ModelChoice


def choice() -> ModelChoice:
    quiet: Any = SimpleNamespace(
        log=SimpleNamespace(write=lambda *_, **__: None), watcher=SimpleNamespace(warned=lambda _: None)
    )
    backend: Any = SimpleNamespace(name="provider", models=("a", "b", "c"))
    return ModelChoice(quiet, backend)


def trusted(models: ModelChoice) -> list[str]:
    return [model for model in models.chain if models.trusted(model)]


def test_a_further_model_is_trusted_once_it_has_answered_something() -> None:
    models = choice()
    assert trusted(models) == ["a"]
    models.answered("c")
    assert trusted(models) == ["a", "c"]


def test_a_model_that_another_one_has_replaced_is_trusted_no_more_until_it_is_asked_again() -> None:
    models = choice()
    models.answered("b")
    models.use("b", "a refuses the example")
    assert trusted(models) == ["b"]
    models.use("a", "a answers the example again")
    assert trusted(models) == ["a", "b"]
