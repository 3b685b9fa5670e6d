"""`gold.jsonl`, line by line: what is accepted, and the message about a line that is not. No database is needed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.integration.cli.site import RUBRIC
from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.config.theme import Source, Theme
from waves.errors import BadDataError
from waves.learn.evaluation.gold.gold import Gold, read_gold
from waves.models import Limits
from waves.steps.session.session import Session

MULTI = rubrics.parse(RUBRIC, "v1", Path("v1.md"))
SINGLE = rubrics.parse(RUBRIC.replace("multi: true", "multi: false"), "v1", Path("v1.md"))
FIELDS = rubrics.parse(
    "---\nkind: extract\nschema: {type: object, properties: {topic: {type: string}, confidence: {type: number}}}\n"
    "---\nSay what it is about.",
    "v1",
    Path("v1.md"),
)
GOOD = '{"id": "a", "label": "question", "input": {"content": "secret words"}}'


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """As much of a session as gold with its own input needs."""
    source = Source("comment", ("id",), ("content", "kind"))
    theme = Theme("comments", "tests", source, None, ("rehearsal",), None, Limits(), tmp_path)
    return cast("Session", SimpleNamespace(theme=theme))


def gold_of(session: Session, *lines: str) -> Gold:
    (session.theme.folder / "gold.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return read_gold(session)


def line(key: Any, **verdict: Any) -> str:
    return json.dumps({"id": key, "input": {"content": "x"}} | verdict)


@pytest.mark.parametrize(
    ("verdict", "rubric", "expected"),
    [
        ({"label": "praise"}, MULTI, {"labels": ["praise"]}),
        ({"label": "praise"}, SINGLE, {"labels": ["praise"]}),
        ({"labels": ["praise", "question", "praise"]}, MULTI, {"labels": ["question", "praise"]}),
        ({"labels": []}, MULTI, {"labels": []}),
        ({"output": {"labels": ["praise"], "confidence": 1}}, SINGLE, {"labels": ["praise"]}),
        ({"output": {"topic": None}}, FIELDS, {"topic": None}),
    ],
)
def test_a_verdict_may_be_given_in_three_ways(
    session: Session, verdict: dict[str, Any], rubric: Rubric, expected: dict[str, Any]
) -> None:
    assert gold_of(session, line(7, **verdict)).expected(rubric) == [expected]


def test_an_item_of_its_own_has_every_input_column_and_a_key_as_a_row_would_have_it(session: Session) -> None:
    gold = gold_of(session, line(7, label="praise"), "", line(["b", 1], label="praise"))
    by_key = {item.entity_key: dict(item.input) for item in gold.items}
    assert by_key == {"7": {"content": "x", "kind": None}, '["b", "1"]': {"content": "x", "kind": None}}
    assert len({item.input_hash for item in gold.items}) == 1


def test_the_order_depends_on_the_keys_alone_and_a_limit_takes_the_first(session: Session) -> None:
    lines = [line(number, label="praise") for number in range(50)]
    keys = [item.entity_key for item in gold_of(session, *lines).items]
    assert keys != sorted(keys, key=int)
    turned = gold_of(session, *reversed(lines))
    assert [item.entity_key for item in turned.items] == keys
    assert [item.entity_key for item in turned.first(5).items] == keys[:5]


def test_the_digest_changes_with_what_is_asked_and_with_what_is_expected(session: Session) -> None:
    lines = [line(1, label="praise"), line(1, label="question"), line(2, label="praise")]
    other = json.dumps({"id": 1, "input": {"content": "y"}, "label": "praise"})
    assert len({gold_of(session, each).digest for each in [*lines, other]}) == 4


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ('{"id": "b", "label": "questions", "input": {}}', "unknown label 'questions'"),
        ('{"id": "b", "labels": ["question", "Praise"], "input": {}}', "unknown label 'Praise'"),
        ('{"id": "a", "label": "praise", "input": {}}', "this id is already used at"),
        ('{"id": "b", "label": ', "this is not JSON in UTF-8"),
        ('{"id": "b", "label": "\udcff", "input": {}}', "this is not JSON in UTF-8"),
        ('{"id": "b", "output": {"labels": NaN}, "input": {}}', "this is not JSON in UTF-8"),
        ("[" * 100_000, "this is not JSON in UTF-8"),
        ("[1]", "Input should be a valid dictionary"),
        ('{"id": "b", "input": {}}', "exactly one of `label`, `labels` and `output` is required"),
        ('{"id": "b", "label": "praise", "labels": []}', "exactly one of `label`, `labels` and `output` is required"),
        ('{"label": "praise"}', "id: field required"),
        ('{"id": true, "label": "praise"}', "id: "),
        ('{"id": [], "label": "praise"}', "id: "),
        ('{"id": "", "label": "praise"}', "id: "),
        ('{"id": "b\\u0000", "label": "praise"}', "id: "),
        ('{"id": "b", "label": "praise", "input": {"content": "\\ud800"}}', "input: "),
        ('{"id": "b", "label": "praise", "input": {"content": 7}}', "input: "),
        ('{"id": "b", "label": "praise", "note": 1}', "note: "),
        ('{"id": "b", "label": "praise", "input": {"body": "x"}}', "input has 'body', which source.input lacks"),
        ('{"id": "b", "output": {"topic": "x"}, "input": {}}', "this is neither a label nor a list of labels"),
        ('{"id": ["b", 1], "label": "praise"}', "its id has 2 values, but source.key has 1 columns"),
    ],
)
def test_a_defect_is_reported_with_its_line_and_without_the_row_s_text(
    session: Session, second: str, message: str
) -> None:
    with pytest.raises(BadDataError) as caught:
        gold_of(session, GOOD, second).expected(MULTI)
    assert f"gold.jsonl:2: {message}" in caught.value.message
    assert caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("labels", [[], ["praise", "question"]])
def test_a_rubric_that_gives_one_label_expects_one(session: Session, labels: list[str]) -> None:
    gold = gold_of(session, line("b", labels=labels))
    assert gold.expected(MULTI)
    with pytest.raises(BadDataError, match=rf"gold\.jsonl:1: {len(labels)} labels, but rubric"):
        gold.expected(SINGLE)


@pytest.mark.parametrize(
    ("verdict", "message"), [({"colour": 1}, "unknown field 'colour'"), ({}, "not an object of fields")]
)
def test_fields_have_to_be_those_of_the_rubric(session: Session, verdict: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        gold_of(session, line("b", output=verdict)).expected(FIELDS)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_gold_without_a_line_is_refused(session: Session, text: str) -> None:
    with pytest.raises(BadDataError, match="holds no gold that can be asked and is empty"):
        gold_of(session, text)


def test_a_theme_without_gold_learns_where_to_write_it(session: Session) -> None:
    with pytest.raises(BadDataError, match="has no gold") as caught:
        read_gold(session)
    assert "gold.jsonl" in caught.value.hint
