from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waves.backends.parse import NotJsonError, climb, escape_stray_quotes

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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'sure': True, 'other': None, 'n': -1.5}", {"sure": True, "other": None, "n": -1.5}),
        ('{"t": "he said "no", twice"}', {"t": 'he said "no", twice'}),
        ('{"t": "a spus „da", apoi a plecat", "u": "b"}', {"t": 'a spus „da", apoi a plecat', "u": "b"}),
        ('{"t": "ends with a "quote"", "u": 1}', {"t": 'ends with a "quote"', "u": 1}),
        ('{"list": ["a "b" c", "d"]}', {"list": ['a "b" c', "d"]}),
        ('{"t": "an ""inner"" word"}', {"t": 'an ""inner"" word'}),
        ('{"t": "kept \\" and "new""}', {"t": 'kept " and "new"'}),
        ('{"t": "back\\\\slash "x" end"}', {"t": 'back\\slash "x" end'}),
        ('{"t": "two\nlines with "quotes" in"}', {"t": 'two\nlines with "quotes" in'}),
    ],
)
def test_a_repaired_answer_holds_what_was_meant(text: str, value: object) -> None:
    assert climb(text) == (value, "repaired")


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
        "{'a': 1, # the rest is gone\n}",
        "[" * 100_000,
        "{'a':" * 50_000,
        "[" + "-" * 100_000 + "1]",
        "[1" + "+1" * 90_000 + "]",
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
@given(documents)
def test_escaping_leaves_valid_json_as_it_is(document: Any) -> None:
    text = json.dumps(document)
    assert escape_stray_quotes(text) == text


@unhurried
@given(st.lists(st.text(st.sampled_from("ab ,.„”\"'\\éț"), max_size=10), min_size=1, max_size=4))
def test_a_repair_keeps_every_character(strings: list[str]) -> None:
    raw = '{"verdicts": [' + ", ".join(f'{{"id": "{n}", "t": "{text}"}}' for n, text in enumerate(strings)) + "]}"
    assert _without_what_was_added(escape_stray_quotes(raw), raw) == raw


@unhurried
@given(st.text(st.sampled_from('abc ,.:„”"éț'), max_size=20).filter(lambda t: '": ' not in t and '",' not in t))
def test_a_quote_that_ends_nothing_comes_back_as_text(text: str) -> None:
    raw = f'{{"id": "1", "t": "x{text}x"}}'
    try:
        value, _ = climb(raw)
    except NotJsonError:
        return
    assert value == {"id": "1", "t": f"x{text}x"}


@unhurried
@given(st.text(st.sampled_from("{}[]\"':,\\ -+ab1\n`tTN"), max_size=60))
def test_garbage_is_read_or_refused_and_nothing_else(text: str) -> None:
    assert len(_without_what_was_added(escape_stray_quotes(text), text)) == len(text)
    with suppress(NotJsonError):
        climb(text)


def _without_what_was_added(repaired: str, raw: str) -> str:
    """`repaired` without its added backslashes: those before a quote that `raw` does not have there."""
    kept: list[str] = []
    for character in repaired:
        if character != raw[len(kept) : len(kept) + 1]:
            assert character == "\\"
            continue
        kept.append(character)
    return "".join(kept)
