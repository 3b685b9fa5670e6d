"""Text that PostgreSQL refuses becomes text that it holds, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.store.text import printable_key, storable

anything = st.text(st.characters(exclude_categories=[]))


@given(anything)
def test_what_comes_out_can_be_stored(text: str) -> None:
    stored = storable(text)
    assert "\x00" not in stored
    stored.encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert storable(text) == text


def test_refused_characters_are_still_readable() -> None:
    assert storable("a\x00b\ud83dc\U0001f600") == "a\\u0000b\\ud83dc\U0001f600"


@pytest.mark.parametrize(
    ("key", "as_shown"),
    [
        ("17", "17"),
        ("ț-1", "ț-1"),
        ('["a", 1]', "'[\"a\", 1]'"),
        ("\x1b[31mred", "'\\x1b[31mred'"),
        ("a\nb", "'a\\nb'"),
        ("x" * 90, "x" * 59 + "…"),
    ],
)
def test_a_key_in_a_message_is_one_bounded_word(key: str, as_shown: str) -> None:
    assert printable_key(key) == as_shown
