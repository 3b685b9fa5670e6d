"""The brain labels by similarity to the worked examples, and by nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waves.rehearsal.brain import Brain, brain_for, confidence, parse_examples


def prompt(*pairs: tuple[Any, Any]) -> str:
    blocks = [f"### Example\n\n```json\n{json.dumps(a)}\n```\n\n```json\n{json.dumps(b)}\n```\n" for a, b in pairs]
    return "Label fruit.\n\n" + "\n".join(blocks)


FRUIT = prompt(
    ({"text": "a sour yellow fruit"}, {"labels": ["lemon"]}),
    ({"text": "a long curved sweet fruit"}, {"labels": ["banana"]}),
    ({"text": "a round red crunchy fruit"}, {"labels": ["apple"]}),
)


def labels(system: str, **columns: Any) -> list[str]:
    guessed: list[str] = list(brain_for(system).guess(columns).output["labels"])
    return guessed


def test_examples_are_read_from_the_prompt_in_their_order() -> None:
    assert [output["labels"] for _, output in parse_examples(FRUIT)] == [["lemon"], ["banana"], ["apple"]]


def test_a_broken_example_is_left_out() -> None:
    broken = "### Example\n```json\n{\n```\n```json\n{}\n```\n### Example\n```json\n1\n```\n"
    assert len(parse_examples(FRUIT + broken)) == 3


def test_examples_written_over_several_lines_and_on_windows_are_read() -> None:
    text = '### Example 1\r\n\r\n```json\r\n{\r\n "text": "x"\r\n}\r\n```\r\n```json\r\n{"labels": []}\r\n```\r\n'
    assert parse_examples(text) == [({"text": "x"}, {"labels": []})]


def test_each_input_gets_the_labels_of_the_most_similar_example() -> None:
    assert labels(FRUIT, text="Sour and yellow") == ["lemon"]
    assert labels(FRUIT, text="It is red and round") == ["apple"]
    assert labels(FRUIT, text="LONG, curved") == ["banana"]


def test_an_example_itself_is_certain() -> None:
    guess = brain_for(FRUIT).guess({"text": "a round red crunchy fruit"})
    assert guess.similarity > 0.999
    assert confidence(guess.similarity) == 0.99


def test_confidence_rises_with_similarity() -> None:
    near, far = (brain_for(FRUIT).guess({"text": text}).similarity for text in ("a sour yellow thing", "a sour car"))
    assert confidence(near) > confidence(far) > 0


def test_several_labels_are_given_where_the_examples_do_so() -> None:
    pairs = (
        ({"text": "please fix the typo"}, {"labels": ["edit"]}),
        ({"text": "why this number"}, {"labels": ["question"]}),
        ({"text": "green cheese and thanks"}, {"labels": ["praise", "other"]}),
    )
    assert sorted(labels(prompt(*pairs), text="please fix the typo; why this number")) == ["edit", "question"]


def test_one_label_is_given_where_no_example_has_more() -> None:
    assert len(labels(FRUIT, text="sour yellow long curved round red")) == 1


def test_one_column_does_not_answer_for_another() -> None:
    system = prompt(
        ({"text": "alpha beta", "parent": "gamma delta"}, {"labels": ["a"]}),
        ({"text": "gamma delta", "parent": "alpha beta"}, {"labels": ["b"]}),
    )
    assert labels(system, text="gamma delta", parent=None) == ["b"]


def test_other_fields_come_from_the_nearest_example() -> None:
    system = prompt(
        ({"text": "one two"}, {"title": "T", "pages": 3}), ({"text": "six seven"}, {"title": "U", "pages": 4})
    )
    assert brain_for(system).guess({"text": "seven six"}).output == {"title": "U", "pages": 4}


def test_a_record_of_several_fields_is_that_of_one_example() -> None:
    outputs: list[dict[str, Any]] = [
        {"minutes": 5, "cost": None, "estimated": ["minutes"]},
        {"minutes": None, "cost": 3, "estimated": ["cost"]},
        {"minutes": 9, "cost": 4, "estimated": ["minutes", "cost"]},
    ]
    texts = ("please fix the typo", "why this number", "green cheese")
    system = prompt(*(({"text": text}, output) for text, output in zip(texts, outputs, strict=True)))
    assert brain_for(system).guess({"text": "please fix the typo; why this number"}).output in outputs[:2]


def test_without_examples_there_is_no_guess() -> None:
    assert Brain([]).guess({"text": "x"}).output == {}


@given(st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=40) | st.integers(), max_size=3))
def test_any_input_is_answered(columns: dict[str, Any]) -> None:
    guess = brain_for(FRUIT).guess(columns)
    assert 0 <= guess.similarity <= 1
    assert guess.output["labels"]
