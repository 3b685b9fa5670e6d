from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waves.backends.answers import json_ladder
from waves.backends.answers.json_ladder import NotJsonError
from waves.backends.answers.quote_repair import AnswerShape

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

DOCUMENT = {"verdicts": [{"id": "1", "labels": ["question"], "note": "a, b: {c} [d]"}]}
JSON = json.dumps(DOCUMENT)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts, values, max_size=4)


def climb(text: str) -> tuple[object, json_ladder.Rung]:
    """Up the ladder without its last rung: no answer is complete. That rung is tested in test_quote_repair.py."""
    return json_ladder.parse_answer(text, AnswerShape(frozenset({"a"}), lambda _: None))


@pytest.mark.parametrize(
    ("text", "rung"),
    [
        (JSON, "strict"),
        (f"\n {JSON} \n", "strict"),
        (f"```json\n{JSON}\n```", "fenced"),
        (f"Here are the verdicts:\n\n{JSON}\n\nI hope this helps.", "fenced"),
        (repr(DOCUMENT), "repaired"),
        (f"```python\n{DOCUMENT!r}\n```", "repaired"),
    ],
)
def test_each_rung_reads_its_kind_of_answer(text: str, rung: str) -> None:
    assert climb(text) == (DOCUMENT, rung)


def test_a_python_literal_is_read_as_what_it_says() -> None:
    assert climb(r"{'a': 'it\'s \u00e9, C:\\x\n'}") == ({"a": "it's é, C:\\x\n"}, "repaired")
    value = {"sure": True, "other": None, "n": -1.5}
    assert climb("{'sure': True, 'other': None, 'n': -1.5}") == (value, "repaired")


@pytest.mark.parametrize(
    "text",
    [
        "<think>It may be [a] or {b}.</think>{}",
        '<Reasoning>A draft: {"a": 1}</Reasoning>\n<think>Yes.</think>{}',
        "<think>\nPerhaps [] … or a draft: [1, {}]\n</think>\n\n```json\n{}\n```",  # the last {} is the document
        "The reasoning [1] ends here.</think>{}",
        "As in [1] and {{x}}, the verdicts are: {}",
        'Of the labels ["question", "proposal"] the first fits: {}',
        "{}\nThe second [of three] was hard to tell.",
        "<|channel|>final<|message|>{}",
    ],
)
def test_a_single_document_is_read_in_whatever_stands_around_it(text: str) -> None:
    *before, after = text.replace("{{x}}", "{x}").split("{}")
    assert climb("{}".join(before) + JSON + after) == (DOCUMENT, "fenced")


@pytest.mark.parametrize(
    "text",
    [
        "{}</think>",
        "<think>{}</think>",
        "<think>{}</think> I cannot tell.",
        "<THINK>{}</THINK>",
        "<reasoning>{}</reasoning>",
        "So: <reasoning>\n{}",
        "<think>{'a': 1}",
        "<think>a</think><think>{}</think>",
        '{"a": 1} Correction: {"a": ',
        "{'a': 1} Correction: [",
        "A draft: {} and the verdicts: {}",
        "{} {{'verdicts': []}}",
        '{{"verdicts": [{}',
        '{}"}}]}}',
    ],
)
def test_a_document_that_is_not_the_answer_alone_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError):
        climb(text.replace("{}", JSON).replace("{{", "{").replace("}}", "}"))


@pytest.mark.parametrize("number", ["12345678901234567.89", "0.10", "-1.5E-7", "1999.0", "1e3", "-0.0"])
@pytest.mark.parametrize("text", ['{"a": %s}', "{'a': %s, 'b': 1,}"], ids=["json", "python"])
def test_a_decimal_keeps_its_digits(text: str, number: str) -> None:
    value, _ = climb(text % number)
    assert isinstance(value, dict)
    assert repr(value["a"]) == repr(Decimal(number))


@pytest.mark.parametrize(
    "number",
    [
        "82_461_110",
        "00",
        "007",
        "0x10",
        "0b1",
        ".5",
        "1.",
        "+1",
        "1_0.5",
        "1e9999999999999999999",
        "- -1",
        "1 2",
        "2 -1",
    ],
)
@pytest.mark.parametrize("text", ['{"a": %s}', "{'a': %s, 'b': True}"], ids=["json", "python"])
def test_what_json_does_not_call_a_number_is_refused(text: str, number: str) -> None:
    with pytest.raises(NotJsonError):
        climb(text % number)


@pytest.mark.parametrize("text", ["[,]", "[1,,]", "{,}", "{'a': ,}", "{'a': 1,, 'b': 2}", "[1 2]"])
def test_only_one_comma_at_the_end_means_nothing(text: str) -> None:
    with pytest.raises(NotJsonError):
        climb(text)
    assert climb("[{'a': [1, 2,],},]") == ([{"a": [1, 2]}], "repaired")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no document at all",
        "{",
        JSON[:-3],
        f"{JSON}\n{JSON}",
        '{"a": 1, "a": 2}',
        "{'a': 1, 'a': 2}",
        '{"a": NaN}',
        '{"a": Infinity}',
        "{'a': {1, 2}}",
        "{'a': b'x'}",
        "{'a': (1, 2)}",
        "{'a': 1 + 2}",
        "{'a': __import__('os').getpid()}",
        "{1: 'a'}",
        "{'a': 1j}",
        "{'a': 'b' 'c'}",
        "{'a': '''b'''}",
        "{'a': r'b'}",
        r"{'a': 'the angle \alpha'}",
        r"{'a': 'see C:\data\101 and C:\xabc'}",
        r"{'a': '100 \N{EURO SIGN}', 'b': True}",
        r"{'a': 'half \ud83d\ude00'}",
        r'{"a": "http:\/\/a.ro\/x",}',
        '{"a": "end \\\nof line",}',
        "{'a': 1, # the rest is gone\n}",
        "[" * 20_000,
        "{'a':" * 4_000,
        "[" + "-" * 8_000 + "1]",
        "[1" + "+1" * 4_000 + "]",
        '{"a": ' + "9" * 5_000 + "}",
    ],
)
def test_what_no_rung_reads_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError):
        climb(text)


def test_the_reason_quotes_nothing_of_the_answer() -> None:
    with pytest.raises(NotJsonError) as caught:
        climb("the secret row text")
    assert "secret" not in str(caught.value)


@unhurried
@given(documents)
def test_valid_json_passes_unchanged(document: Any) -> None:
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False)):
        assert climb(text) == (document, "strict")


@unhurried
@given(st.text(st.sampled_from("{}[]\"':,\\ -+ab1\n`tTN"), max_size=60))
def test_garbage_is_read_or_refused_and_nothing_else(text: str) -> None:
    with suppress(NotJsonError):
        document, rung = climb(text)
        assert rung != "strict" or json.loads(text, strict=False) == document
