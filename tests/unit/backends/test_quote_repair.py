"""Answers broken by unescaped quotes: what comes back holds every character, and what has two readings is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from waves.backends.answers import json_ladder
from waves.backends.answers.interpret import answer_shape, interpret
from waves.backends.answers.json_ladder import NotJsonError
from waves.backends.answers.quotation_marks import STRAY
from waves.backends.answers.quote_repair import mark
from waves.config import rubric as rubrics
from waves.models import Output
from waves.outcomes import Answered

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "properties": {
        "title": TEXT,
        "about": TEXT,
        "place": {"type": "object", "properties": {"name": TEXT, "free": {"type": "boolean"}}},
        "found": {"type": "array", "items": TEXT},
    },
    "required": ["title", "about", "place", "found"],
}
EXAMPLE = {"title": "a", "about": "b", "place": {"name": "c", "free": True}, "found": ["d", "e"]}
FILE = (
    f"---\nkind: extract\nschema: {json.dumps(SCHEMA)}\n---\nFill.\n\n### Example\n\n"
    f'```json\n{{"content": "x"}}\n```\n\n```json\n{json.dumps(EXAMPLE)}\n```\n'
)
RUBRIC = rubrics.parse(FILE, "v1", Path("v1.md"))

SENTENCES = [
    json.loads(line)["text"]
    for line in (Path(__file__).parents[2] / "data" / "romanian_quotes.jsonl").read_text("utf-8").split("\n")
    if line
]


def verdict(title: str, short_id: str = "1", **changes: Any) -> dict[str, Any]:
    return {"id": short_id, **EXAMPLE, "title": title, **changes}


def answer(*verdicts: dict[str, Any]) -> str:
    return json.dumps({"verdicts": verdicts}, ensure_ascii=False)


def bare(text: str, leave: Callable[[], bool] = lambda: True) -> str:
    """The same answer without the backslash before the quotes that `leave` picks; default: all."""
    return re.sub(r"\\.", lambda match: '"' if match[0] == '\\"' and leave() else match[0], text, flags=re.DOTALL)


def climb(text: str, ids: Sequence[str] = ("1",)) -> tuple[object, json_ladder.Rung]:
    return json_ladder.parse_answer(text, answer_shape(RUBRIC, ids))


def read(text: str, ids: Sequence[str] = ("1",)) -> dict[str, Output]:
    """What is stored of an answer with this text."""
    raw = json.dumps({"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"})
    outcome = interpret(raw, RUBRIC, ids, strict=False)
    assert isinstance(outcome, Answered)
    return {item.short_id: {"id": item.short_id, **item.output} for item in outcome.labelled}


@pytest.mark.parametrize(
    "text",
    [
        'he said "no", twice',
        'a spus „da", apoi a plecat',
        '"begins" so',
        'ends with a "quote"',
        'an ""inner"" word',
        'a "colon": and a "brace"} and a "bracket"] and a "comma",',
        '"a"}]}',
        'a quote "before", "another" one',
        'back\\slash "x" end\\',
        'two\nlines with "quotes" in',
        'cut out of one", he said',
        ' "labels" : none',
    ],
)
def test_a_text_comes_back_with_every_character(text: str) -> None:
    meant = [verdict(text), verdict("x", "2", about=text), verdict("x", "3", place={"name": text, "free": False})]
    for whole in (answer(*meant), json.dumps({"verdicts": meant}, ensure_ascii=False, indent=2)):
        assert read(bare(whole), "123") == {verdict["id"]: verdict for verdict in meant}
        assert read(f"Here it is:\n```json\n{bare(whole)}\n```", "123") == {verdict["id"]: verdict for verdict in meant}


@pytest.mark.parametrize(
    "found",
    [
        ['a "b" c', "d"],
        ["d", '„Cununița", „Oașul" și „Timișul"'],
        ["one", '"two"', "three"],
        ['de la 5 "mari", 20 de "mici"', "d"],
        ["„cut out of one, alone"],
        ["ca să fie ”Omul anului”", 'sau "altul"'],
        ["pune punctul pe i: ,,Lucrul remarcabil”", "d"],
    ],
)  # fmt: skip
def test_a_list_comes_back_where_the_quotes_tell_how_it_is_divided(found: list[str]) -> None:
    broken = bare(answer(verdict('"x"', found=found)))
    assert read(broken) == {"1": verdict('"x"', found=found)}


@pytest.mark.parametrize(
    "found",
    [
        ['sunt "Aura", "Lumina" și "Zorii"'],
        ['El a zis: „Plec", "Vin mâine" și a plecat'],
        ['El a zis: "Plec', 'Vin mâine" și a plecat'],
        ["„left open", "d"],
        [",,left open", "d"],
        ["”left open", "d"],
        ["d", 'closed" here'],
        ['ends with "this",', "d"],
        ["d", ', "so" it begins'],
    ],
)
def test_a_list_that_can_be_divided_in_two_ways_is_refused_alone(found: list[str]) -> None:
    broken = bare(answer(verdict('"x"', found=found), verdict('"y"', "2")))
    assert read(broken, "12") == {"2": verdict('"y"', "2")}


@pytest.mark.parametrize(
    "text",
    [
        'x", "about": "y',
        'x", "id": "2',
        'x"}, {"id": "2", "title": "y',
        'x "a", "name": "b" y',
        'x", "found": ["',
    ],
)
def test_a_text_that_looks_like_a_key_of_ours_refuses_the_answer(text: str) -> None:
    with pytest.raises(NotJsonError):
        climb(bare(answer(verdict(f'"q" {text}'), verdict("x", "2"))), "12")


def test_a_broken_answer_must_be_whole() -> None:
    broken = bare(answer(verdict('"x"'), verdict('"y"', "2")))
    for ids in ("1", "123", "13"):
        with pytest.raises(NotJsonError):
            climb(broken, ids)
    with pytest.raises(NotJsonError):
        climb(broken.replace('"about": "b", ', "", 1), "12")
    with pytest.raises(NotJsonError):
        climb(broken.replace('"about": "b"', '"about": "b", "more": 1', 1), "12")


@pytest.mark.parametrize("shape", ["[{}]", "{}"])
def test_the_usual_shapes_are_repaired_too(shape: str) -> None:
    assert read(shape.format(bare(json.dumps(verdict('a "b" c'))))) == {"1": verdict('a "b" c')}


def test_what_is_broken_in_another_way_as_well_is_refused() -> None:
    broken = bare(answer(verdict('a "b" c')))
    for worse in (broken[:-2], broken[:-20], broken.replace(",", ";", 1), f"{broken}\n{broken}", broken + '"}'):
        with pytest.raises(NotJsonError):
            climb(worse)


_texts = st.text(st.sampled_from("ab ,.:{}[]„”\"'\\éț\n"), max_size=12)
_verdicts = st.builds(
    lambda title, about, name, found: verdict(title, about=about, place={"name": name, "free": True}, found=found),
    _texts, _texts, _texts, st.lists(_texts.filter(lambda text: not re.search(r'"\s*,\s*"', text)), max_size=3),
)  # fmt: skip


@unhurried
@given(_verdicts)
def test_a_whole_answer_passes_unchanged(meant: dict[str, Any]) -> None:
    for whole in (answer(meant), json.dumps({"verdicts": [meant]})):
        assert climb(whole) == ({"verdicts": [meant]}, "strict")
        assert mark(whole, frozenset({"verdicts", "id", *SCHEMA["properties"], "name", "free"})) == whole


@unhurried
@given(_verdicts, _verdicts, st.randoms(use_true_random=False))
def test_whatever_is_left_bare_nothing_is_altered(one: dict[str, Any], other: dict[str, Any], dice: Any) -> None:
    """If the answer is still valid JSON, the fault cannot be seen; nor if a text of a list holds `", "` as if it were
    two texts."""
    meant = [one, other | {"id": "2"}]
    broken = bare(answer(*meant), lambda: dice.random() < 0.5)
    try:
        json.loads(broken, strict=False)
    except ValueError:
        pass
    else:
        assume(broken == answer(*meant))
    for short_id, stored in read(broken, "12").items():
        assert stored == meant[int(short_id) - 1]


@unhurried
@given(st.text(st.sampled_from('abc ,.:;„”"éț(){}[]'), max_size=40))
@example("},[")
@example("}],[")
def test_texts_in_fields_come_back_or_are_refused(text: str) -> None:
    meant = verdict(f'"{text}', about=text)
    assert read(bare(answer(meant))) in ({}, {"1": meant})


@unhurried
@given(st.text(st.sampled_from('{}[]":,\\ -ab1\n'), max_size=80))
def test_a_stray_quote_is_marked_and_nothing_else_changes(text: str) -> None:
    assert mark(text, frozenset({"a", "b"})).replace(STRAY, '"') == text


def in_fields(text: str) -> dict[str, Any]:
    return verdict(text, about=f'"{text}"', place={"name": text, "free": True})


def quotes_pair(sentence: str) -> bool:
    return len(re.findall('["„“”«»]', sentence)) % 2 == 0


@pytest.mark.parametrize(
    "change", [str, lambda t: t.translate(str.maketrans("„“”«»", '"""""'))], ids=["mixed", "ascii"]
)
def test_real_sentences_come_back_as_they_were_or_are_refused(change: Callable[[str], str]) -> None:
    stored = 0
    for sentence in SENTENCES:
        meant = in_fields(change(sentence))
        verdicts = read(bare(answer(meant)))
        assert verdicts in ({}, {"1": meant})
        stored += len(verdicts) if quotes_pair(sentence) else 0
    assert stored >= 0.9 * sum(map(quotes_pair, SENTENCES))


def test_real_sentences_in_lists_come_back_or_are_refused() -> None:
    stored = 0
    for sentence, following in pairwise(SENTENCES):
        meant = verdict('"x"', found=[sentence.replace("”", '"'), following])
        verdicts = read(bare(answer(meant)))
        assert verdicts in ({}, {"1": meant})
        stored += len(verdicts)
    assert stored > len(SENTENCES) / 2
