"""Which quotation marks of a text have a partner in it, by their shape and by the characters beside them.

A quote that stands without its backslash is STRAY while the reading that takes it for text is judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STRAY = "\ufdd0"
"""A noncharacter of Unicode: it stands in no text."""

_OPENING, _CLOSING = "„«", "»"
_EITHER_WAY = f'"{STRAY}“”'  # “ opens in English and closes in German; ” closes there, or opens if it is typed twice
MARKS = _OPENING + _CLOSING + _EITHER_WAY
_TYPED_LOW = re.compile(r",,(?=\w)")  # „ as it is typed on a keyboard without it
_BEFORE_OPENING, _AFTER_CLOSING = "([{-–—/'‘", ")]}-–—/'’.,;:!?…"


@dataclass(frozen=True, slots=True)
class Pairing:
    """Quotes of a text without a partner in it: `opened` are left open, `closed` close nothing. `strays`: for each
    stray quote, whether it opens a quotation."""

    opened: int
    closed: int
    strays: tuple[bool, ...]

    @property
    def complete(self) -> bool:
        return not self.opened and not self.closed


def pairing(text: str) -> Pairing:
    opened = closed = 0
    strays: list[bool] = []
    text = _TYPED_LOW.sub("„", text)
    for at, character in enumerate(text):
        if character not in MARKS:
            continue
        opens = _opens(text, at, anything_open=opened > 0)
        if character == STRAY:
            strays.append(opens)
        if opens:
            opened += 1
        elif opened:
            opened -= 1
        else:
            closed += 1
    return Pairing(opened, closed, tuple(strays))


def _opens(text: str, at: int, *, anything_open: bool) -> bool:
    """By its shape, else by the characters beside it, else as the partner of an open quote."""
    if text[at] not in _EITHER_WAY:
        return text[at] in _OPENING
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    may_open = (not before or before.isspace() or before in _BEFORE_OPENING) and bool(after) and not after.isspace()
    may_close = bool(before) and not before.isspace() and (not after or after.isspace() or after in _AFTER_CLOSING)
    return not anything_open if may_open == may_close else may_open
