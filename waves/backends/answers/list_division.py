"""Whether the texts of a list in a repaired answer can be divided in one way only.

`", "` divides two texts, or belongs to one text: 'the songs "Aura", "Lumina" and …'. It certainly divides them if both
of its quotes would have no partner in the text: none is left open before it, and none is closed after it. If a text
ends with `",` there are two ways to divide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

_OPENING, _CLOSING = "„«", "»"
_EITHER_WAY = '"“”'  # “ opens in English and closes in German; ” closes there, and opens for people who type it twice
_TYPED_LOW = re.compile(r",,(?=\w)")  # „ as it is typed on a keyboard without it
_DIVIDES_TOO = re.compile(r'\s*,\s*"')
_BEFORE_OPENING, _AFTER_CLOSING = "([{-–—/'‘", ")]}-–—/'’.,;:!?…"


def lists_are_unambiguous(verdict: Mapping[str, object]) -> bool:
    return all(
        not _unpaired(text).opened and not _unpaired(following).closed and not _DIVIDES_TOO.match(following)
        for value in verdict.values()
        for text, following in pairwise(_texts_in_lists(value))
    )


def _texts_in_lists(value: object, *, listed: bool = False) -> Iterator[str]:
    match value:
        case str() if listed:
            yield value
        case dict():
            for part in value.values():
                yield from _texts_in_lists(part, listed=listed)
        case list():
            for part in value:
                yield from _texts_in_lists(part, listed=True)


@dataclass(frozen=True, slots=True)
class _Unpaired:
    """Quotes of a text that have no partner in it: `opened` are left open, `closed` close nothing."""

    opened: int
    closed: int


def _unpaired(text: str) -> _Unpaired:
    opened = closed = 0
    text = _TYPED_LOW.sub("„", text)
    for at, character in enumerate(text):
        if character not in _OPENING + _CLOSING + _EITHER_WAY:
            continue
        if _opens(text, at, anything_open=opened > 0):
            opened += 1
        elif opened:
            opened -= 1
        else:
            closed += 1
    return _Unpaired(opened, closed)


def _opens(text: str, at: int, *, anything_open: bool) -> bool:
    """By its shape, else by the characters beside it, else as the partner of an open quote."""
    if text[at] not in _EITHER_WAY:
        return text[at] in _OPENING
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    may_open = (not before or before.isspace() or before in _BEFORE_OPENING) and bool(after) and not after.isspace()
    may_close = bool(before) and not before.isspace() and (not after or after.isspace() or after in _AFTER_CLOSING)
    return not anything_open if may_open == may_close else may_open
