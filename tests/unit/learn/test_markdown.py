"""Row text comes from outside: shown to a person it moves no cursor and makes no markup."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.learn.markdown import escaped, readable, table, verdict_text


@given(st.text(), st.integers(1, 80))
def test_a_line_is_printable_and_no_longer_than_asked(text: str, width: int) -> None:
    line = readable(text, width)
    assert len(line) <= width
    assert line.isprintable()


@given(st.text())
def test_escaped_text_has_no_markup_left(text: str) -> None:
    left = re.sub(r"\\[!-/:-@\[-`{-~]|&(amp|lt|gt);", "", escaped(text))
    assert not set(left) & set("\\`*_{}[]()<>#+-.!|~:@$&^=")


@given(st.text())
def test_a_cell_of_any_text_is_one_cell(text: str) -> None:
    _, _, row = table(("a", "b"), [(readable(text, 50), "x")])
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 3


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"labels": ["b", "a"]}, "b, a"),
        ({"labels": []}, "no label"),
        ({"tone": "kind", "age": None}, '{"age": null, "tone": "kind"}'),
        ({"price": Decimal("12345678901234567.89")}, '{"price": 12345678901234567.89}'),
        (None, ""),
    ],
)
def test_a_verdict_in_words(output: dict[str, object] | None, text: str) -> None:
    assert verdict_text(output) == text
