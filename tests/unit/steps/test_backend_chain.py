"""Before anything is paid: the backend is known, and rubric and theme speak of the same columns and fields."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from waves.config import rubric
from waves.config.project import REHEARSAL, BackendConfig, Project
from waves.config.theme import Source, Target, Theme
from waves.errors import ConfigurationError
from waves.models import Limits
from waves.steps.session.backend_chain import backend_chain
from waves.steps.session.versions import check_fit

ONE = BackendConfig("one", "anthropic", ("big", "small"))
TWO = BackendConfig("two", "anthropic", ("other",))
PROJECT = Project(Path(), "embedded", Path(), Path(), {"one": ONE, "two": TWO, "rehearsal": REHEARSAL})
THEME = Theme("t", "tests", Source("c", ("id",), ("content",)), None, ("one", "two"), None, Limits(), Path("t"))
CLASSIFY = "---\nkind: classify\nlabels: {a: x}\n---\nJudge.\n"
EXTRACT = "---\nkind: extract\nschema: {type: object, properties: {tone: {type: string}}}\n---\nExtract.\n"
EXAMPLE = '\n### Example\n\n```json\n{"%s": "x"}\n```\n\n```json\n{"labels": ["a"], "confidence": 1}\n```\n'


def test_the_chain_is_the_theme_s_unless_one_backend_is_named() -> None:
    assert backend_chain(PROJECT, THEME, None) == (ONE, TWO)
    assert backend_chain(PROJECT, THEME, "two") == (TWO,)
    assert backend_chain(PROJECT, THEME, "rehearsal") == (REHEARSAL,)


def test_models_of_the_theme_win_over_the_backend_s_and_the_environment_s_over_both() -> None:
    themed = replace(THEME, models=("mine",))
    assert backend_chain(PROJECT, themed, None)[0].models == ("mine",)
    assert backend_chain(replace(PROJECT, models=("env",)), themed, None)[0].models == ("env",)
    assert backend_chain(replace(PROJECT, models=("env",)), themed, "rehearsal")[0].models == ("rehearsal",)


@pytest.mark.parametrize(("theme", "name"), [(THEME, "three"), (replace(THEME, backends=("one", "three")), None)])
def test_an_unknown_backend_is_named_with_the_known_ones(theme: Theme, name: str | None) -> None:
    with pytest.raises(ConfigurationError, match="unknown backend 'three'") as raised:
        backend_chain(PROJECT, theme, name)
    assert "Known: one, rehearsal, two." in raised.value.hint


def fit(text: str, *columns: tuple[str, str]) -> None:
    target = Target("c", ("id",), columns) if columns else None
    check_fit(replace(THEME, target=target), rubric.parse(text, "v1", Path("v1.md")))


def test_columns_and_examples_that_fit_the_rubric_are_accepted() -> None:
    fit(CLASSIFY + EXAMPLE % "content", ("$labels", "l"), ("$confidence", "c"), ("$version", "v"))
    fit(EXTRACT, ("tone", "t"), ("$version", "v"))
    fit(EXTRACT)


def test_an_example_about_another_column_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"example 1 .* has input 'contnt', which source.input lacks"):
        fit(CLASSIFY + EXAMPLE % "contnt")


@pytest.mark.parametrize("value", ["$label", "$labels"])
def test_labels_need_a_rubric_with_labels(value: str) -> None:
    with pytest.raises(ConfigurationError, match="has no labels"):
        fit(EXTRACT, (value, "l"))


def test_a_field_that_no_answer_has_is_refused_with_the_fields_that_it_has() -> None:
    with pytest.raises(ConfigurationError, match="field 'mood' goes to 'm'") as raised:
        fit(EXTRACT, ("mood", "m"))
    assert raised.value.hint == "Its fields: tone."


def test_one_label_is_not_picked_out_of_several() -> None:
    fit(CLASSIFY, ("$label", "l"))
    with pytest.raises(ConfigurationError, match="may give several labels"):
        fit(CLASSIFY.replace("kind: classify", "kind: classify\nmulti: true"), ("$label", "l"))
