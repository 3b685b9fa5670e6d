"""Text that PostgreSQL refuses becomes text that it holds, and nothing else changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from waves.store.text import storable

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
