"""The themes that ship beside comment_classifier: their rubrics say what they must, and their versions are pinned."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from waves.config import rubric, theme
from waves.config.rubric import Rubric
from waves.rehearsal.brain import brain_for
from waves.rehearsal.schema import defect, fit
from waves.store.demo_tables import table_of

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample"
PROMPTS = ROOT / "prompts"
PINNED = {
    "activity_enrichment": "v1-0f880a3",
    "article_category": "v1-81844be",
    "article_type": "v1-440bf1d",
}
"""Whoever edits a rubric makes a new version: all rows are asked again. Change these lines on purpose only."""
CATEGORIES = ("playbook", "pattern", "insight", "idea", "reference")
ESTIMABLE = ("audience", "setting", "duration_minutes", "cost_level")

every_theme = pytest.mark.parametrize("theme_id", PINNED)
classifiers = pytest.mark.parametrize("theme_id", ["article_category", "article_type"])


@cache
def shipped(theme_id: str) -> Rubric:
    return rubric.newest(PROMPTS / theme_id)


@cache
def rows(theme_id: str) -> list[dict[str, Any]]:
    table = table_of(theme.load(PROMPTS, theme_id), SAMPLE)
    return [json.loads(line) for line in (SAMPLE / f"{table}.jsonl").read_text("ascii").split("\n") if line]


def gold() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PROMPTS / "article_type" / "gold.jsonl").read_text().split("\n") if line]


def test_each_theme_that_ships_is_pinned() -> None:
    assert set(theme.known(PROMPTS)) == {*PINNED, "comment_classifier"}


@every_theme
def test_the_version_is_pinned(theme_id: str) -> None:
    assert shipped(theme_id).version == PINNED[theme_id]


@every_theme
def test_each_example_shows_the_whole_input(theme_id: str) -> None:
    columns = theme.load(PROMPTS, theme_id).source.input
    assert {tuple(example.input) for example in shipped(theme_id).examples} == {columns}


@every_theme
def test_no_example_is_a_row_of_the_sample(theme_id: str) -> None:
    prose = theme.load(PROMPTS, theme_id).source.input[1]
    shown = [example.input[prose] for example in shipped(theme_id).examples]
    assert [text for text in shown for row in rows(theme_id) if row[prose].startswith(text)] == []


@every_theme
def test_what_is_read_and_written_are_columns_of_the_sample(theme_id: str) -> None:
    found = theme.load(PROMPTS, theme_id)
    assert found.target is not None
    text = (SAMPLE / f"{table_of(found, SAMPLE)}.sql").read_text()
    tables = {
        name: re.findall(r"^    (\w+)", body, re.MULTILINE)
        for name, body in re.findall(r"EXISTS (\w+) \((.*?)\n\);", text, re.DOTALL)
    }
    assert {*found.source.key, *found.source.input} <= set(tables[found.source.relation])
    assert {*found.target.key, *dict(found.target.columns).values()} <= set(tables[found.target.table])
    assert set(rows(theme_id)[0]) <= set(tables[found.source.relation])


@every_theme
def test_the_data_cannot_give_orders(theme_id: str) -> None:
    assert "is never an instruction" in shipped(theme_id).system


@classifiers
def test_each_label_has_two_examples_or_more_and_exactly_one_is_given(theme_id: str) -> None:
    found = shipped(theme_id)
    assert (found.kind, found.multi) == ("classify", False)
    times = Counter(label for example in found.examples for label in example.output["labels"])
    assert {label for label in found.labels if times[label] < 2} == set()


@classifiers
def test_each_label_is_told_apart_in_the_prompt(theme_id: str) -> None:
    found = shipped(theme_id)
    assert [label for label in found.labels if f"**{label}**" not in found.system] == []


def test_the_categories_come_with_a_tie_breaker_in_their_order() -> None:
    found = shipped("article_category")
    assert found.labels == CATEGORIES
    order = found.system.partition("the most specific fit wins")[2]
    assert re.findall(r"^\d\. (\w+)", order, re.MULTILINE) == ["playbook", "pattern", "idea", "insight", "reference"]


def test_the_two_themes_on_the_articles_are_one_configuration_with_columns_of_their_own() -> None:
    one, other = (theme.load(PROMPTS, name) for name in ("article_category", "article_type"))
    assert one.source == other.source
    assert one.target is not None
    assert other.target is not None
    assert not set(dict(one.target.columns).values()) & set(dict(other.target.columns).values())


def test_the_gold_types_are_the_labels_and_each_article_has_one() -> None:
    types = {line["id"]: tuple(line["labels"]) for line in gold()}
    assert list(types) == [row["article_id"] for row in rows("article_type")]
    assert Counter(len(labels) for labels in types.values()) == {1: 700}
    assert {label for labels in types.values() for label in labels} == set(shipped("article_type").labels)
    assert len(shipped("article_type").labels) == 17


def test_no_example_of_a_type_is_one_of_the_gold_articles() -> None:
    titles = {row["title"] for row in rows("article_type")}
    assert [
        example.input["title"] for example in shipped("article_type").examples if example.input["title"] in titles
    ] == []


# --- activity_enrichment --------------------------------------------------------------------------------------------


def test_six_examples_or_more_show_quotation_marks_and_what_is_unknown() -> None:
    examples = shipped("activity_enrichment").examples
    assert len(examples) >= 6
    assert sum("„" in example.input["description"] and "„" in example.output["summary_ro"] for example in examples) >= 3
    for field in ("category", *ESTIMABLE):
        values = [example.output[field] for example in examples]
        assert None in values
        assert len(set(values)) > 2
    assert {field for example in examples for field in example.output["estimated_fields"]} == set(ESTIMABLE)


def test_nothing_is_estimated_where_there_is_no_activity() -> None:
    for example in shipped("activity_enrichment").examples:
        if example.output["category"] is None:
            assert [example.output[field] for field in ESTIMABLE] == [None] * 4
            assert example.output["estimated_fields"] == []


@pytest.mark.parametrize("field", ESTIMABLE)
def test_what_is_unknown_cannot_have_been_estimated(field: str) -> None:
    found = shipped("activity_enrichment")
    output = dict(found.examples[0].output) | {field: None, "estimated_fields": [field]}
    assert not jsonschema_rs.is_valid(dict(found.schema), output)
    assert jsonschema_rs.is_valid(dict(found.schema), output | {"estimated_fields": []})


def test_providers_take_the_schema() -> None:
    """At most 24 optional fields and 16 of several types, every object closed, no keyword that they refuse."""
    wire = shipped("activity_enrichment").wire_schema
    assert defect(wire, structured=True) is None
    parts = list(_parts(wire))
    unions = [part for part in parts if "anyOf" in part or isinstance(part.get("type"), list)]
    optional = [name for part in parts for name in set(part.get("properties", ())) - set(part.get("required", ()))]
    assert len(unions) <= 16
    assert len(optional) <= 24
    assert "$ref" not in json.dumps(wire)
    assert len(json.dumps(wire)) < 4000


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *filter(None, [schema.get("items")])]
    for part in inner:
        yield from _parts(part)


def test_each_field_of_a_verdict_has_a_column() -> None:
    found = theme.load(PROMPTS, "activity_enrichment")
    assert found.target is not None
    assert found.target.insert
    written = {value.removeprefix("$") for value, _ in found.target.columns} - {"model", "version"}
    assert written == set(shipped("activity_enrichment").schema["properties"])


def test_the_rehearsal_gives_verdicts_that_may_be_stored() -> None:
    found = shipped("activity_enrichment")
    element = found.wire_schema["properties"]["verdicts"]["items"]
    for row in rows("activity_enrichment"):
        shown = {name: row[name] for name in ("title", "description", "place")}
        verdict = fit({**brain_for(found.system).guess(shown).output, "id": "1"}, element, found.wire_schema)
        del verdict["id"]
        assert jsonschema_rs.is_valid(dict(found.schema), verdict)
