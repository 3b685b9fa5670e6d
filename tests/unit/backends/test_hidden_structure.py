"""Answers with a fault of structure: nothing is stored of them that the model did not write."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.structural_faults import KINDS, faulty_answer, sentences, stored
from waves.backends.answers.hidden_structure import may_hold_structure
from waves.backends.answers.quotation_marks import STRAY, pairing

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

_words = st.text(st.sampled_from("ab ăț,.:;+/#!?-…'(){}[]\n\\"), min_size=1, max_size=8)
_quotations = st.builds(
    str.format, st.sampled_from(['"{}"', ' "{}"', '"{}" ', "„{}”", '„{}"', '""{}""', '{}"']), _words
)


def _is_plain(text: str) -> bool:
    """Its quotes have partners, and none of them stands at an end, in the place of the string's own: it begins with a
    word and ends as a sentence does."""
    return pairing(text).complete and text[0].isalpha() and (text[-1].isalpha() or text[-1] in ".!?…)")


texts = (
    st.lists(_words | _quotations, max_size=4)
    .flatmap(lambda parts: st.sampled_from(["", "z", ".", "!", ")"]).map(lambda end: "".join(["x", *parts, end])))
    .filter(_is_plain)
)
sentences_of_words = st.builds("{} y z {}".format, texts, texts)


def _bare(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: '"' if match[1] == '"' else match[0], text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["kind"])
@pytest.mark.parametrize("compact", [False, True], ids=["", "compact"])
def test_each_kind_of_fault_stores_nothing_altered(kind: dict[str, Any], compact: bool) -> None:
    plain = sentences(len(kind["kind"]))
    for _ in range(5):
        assert not faulty_answer(kind, list(islice(plain, 4)), compact=compact).altered()


@settings(unhurried, max_examples=30)
@given(st.sampled_from(KINDS), st.lists(sentences_of_words, min_size=4, max_size=4), st.booleans(), st.booleans())
def test_whatever_the_texts_no_kind_of_fault_stores_anything_altered(
    kind: dict[str, Any], four: list[str], compact: bool, bare: bool
) -> None:
    assert not faulty_answer(kind, four, compact=compact, bare=bare).altered()


_verdicts = st.fixed_dictionaries(
    {
        "note": texts,
        "quotes": st.lists(texts, max_size=3),
        "setting": st.sampled_from(["in", "out", None]),
        "confidence": st.just(0.5),
    }
)
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[^\s"]|\s')
_JUNK = [*",:;+[]{}", "'", "...", '"b"', '"b": ', '"b": "c", ', "b", " // b\n", "/* b */", "# b\n", "\n", "7", '", "']


def _tokens(answer: str) -> list[str]:
    """Each quote that opens or closes a string and each sign of structure is a token, and so is what a string holds."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(answer):
        tokens += [match[0]] if match[1] is None else ['"', match[1], '"']
    return [token for token in tokens if token]


def _changed(sign: str, *, closes: bool) -> st.SearchStrategy[str]:
    """Lost, replaced, or with something beside it; a quote is lost or replaced by another, because what stands there
    instead would be text."""
    junk = st.sampled_from(_JUNK)
    beside = junk.map(lambda more: sign + more if closes and sign == '"' else more + sign)
    return st.sampled_from(["", "'"]) | beside if sign == '"' else junk | beside | st.just("")


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


@unhurried
@given(st.lists(_verdicts, min_size=1, max_size=2), st.booleans(), st.booleans(), st.data())
def test_whatever_is_lost_or_added_nothing_altered_is_stored(
    verdicts: list[dict[str, Any]], compact: bool, bare: bool, data: st.DataObject
) -> None:
    meant = {str(n): verdict for n, verdict in enumerate(verdicts, 1)}
    separators = (",", ":") if compact else None
    answer = [{"id": short_id, **verdict} for short_id, verdict in meant.items()]
    tokens = _tokens(json.dumps({"verdicts": answer}, ensure_ascii=False, separators=separators))
    at = data.draw(st.sampled_from([at for at, token in enumerate(tokens) if token in '{}[],:"']))
    tokens[at] = data.draw(_changed(tokens[at], closes=tokens[: at + 1].count('"') % 2 == 0))
    assume(not _is_json("".join(tokens)))
    for short_id, output in stored("".join(map(_bare, tokens)) if bare else "".join(tokens), sorted(meant)).items():
        assert output == meant[short_id]


@pytest.mark.parametrize(
    "text",
    [
        'he said "no", twice',
        'the songs "Aura", "Lumina" and "Zorii"',
        'a cut one", he said',
        'an ""inner"" word',
        '""doubled"", ""twice""',
        '"in quotes "as a whole", it says"',
        '"a" and "b"',
        'the word "#tag" and "b"',
        'a "colon": and a "brace"} and a "comma",',
        '"he said "no""',
        '"its "Aura" is 5" wide and 3" high"',
        'a board 5" wide',
        '""Aura" is cold"',
    ],
)
def test_prose_holds_no_structure(text: str) -> None:
    assert not may_hold_structure(text.replace('"', STRAY), listed=False)


@pytest.mark.parametrize(
    "text",
    [
        'text","reason":"he said "no',
        'a quote "before", "another": one',
        'one" "two',
        'one""two',
        'one" + "two',
        'one" // and "two"',
        'one", # two\n"three',
        'one"# two\n,"three',
        '"one" ; "two"',
        'one"',
        '"one',
        'one""',
        '""one',
        'say "one""',
        'one",',
        'one"],',
        '["one',
        '], ["one',
        'one"another": ',
        '"one"another": "',
        'one /", "',
        'one" of "two": three',
    ],
)
def test_what_may_be_structure_is_structure(text: str) -> None:
    assert may_hold_structure(text.replace('"', STRAY), listed=False)
    assert may_hold_structure(text.replace('"', STRAY), listed=True)


@pytest.mark.parametrize("text", ["], ", ",", ": "])
def test_a_text_of_signs_alone_is_structure(text: str) -> None:
    assert may_hold_structure(text, listed=False)


def test_a_text_of_punctuation_alone_is_none() -> None:
    assert not may_hold_structure("…", listed=False)


def test_a_long_run_of_blanks_is_judged_at_once() -> None:
    blanks = " " * 20_000
    text = f"one {STRAY}two{STRAY}{blanks}three,{blanks}four {STRAY}five{STRAY}"
    assert not may_hold_structure(text, listed=False)


@pytest.mark.parametrize(
    "text", ['one., "two', 'one", two', 'one "a", gamma, "b" two', 'one", \'"b" two\', "three', 'one "7,"two']
)
def test_in_a_list_a_comma_beside_a_quote_may_end_an_element(text: str) -> None:
    assert may_hold_structure(text.replace('"', STRAY), listed=True)
