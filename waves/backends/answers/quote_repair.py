"""Quotes inside strings that a model left without a backslash: escaped where only one reading of the answer is whole,
else refused. No character is dropped or invented; only backslashes are added.

Why the reading is the only one: every place that looks like a key of the rubric is read as one, and each object has
each key once. Another reading would have to take one of those places for text, and then lacks a key. Between two keys
the first quote opens and the last one closes. Only how a list is divided is not settled by that: `_lists_hold`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Decode = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Form:
    """What a whole answer looks like. `names` are the keys that its objects have; `verdicts` gives those of a document
    that has everything that was asked for and nothing else, or None."""

    names: frozenset[str]
    verdicts: Callable[[object], Sequence[Mapping[str, object]] | None]


def read(text: str, form: Form, decode: Decode) -> list[Mapping[str, object]]:
    """The verdicts of the only faithful reading, without those whose lists it leaves open. Raises ValueError where
    there is no such reading."""
    document = decode(escape(text, form.names))
    if len(_patterns(form.names).key.findall(text)) != _keys(document):
        raise ValueError("something in a string looks like a key")
    verdicts = form.verdicts(document)
    if verdicts is None:
        raise ValueError("something is lacking, or is too much")
    return [verdict for verdict in verdicts if _lists_hold(verdict)]


# --- where a string ends --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Patterns:
    """`key`: what looks like a key, with what stands before it. The others: what follows the quote that ends a string
    of that kind, so that the document goes on behind it."""

    key: re.Pattern[str]
    after_key: re.Pattern[str]
    after_value: re.Pattern[str]
    after_element: re.Pattern[str]


@lru_cache(maxsize=8)
def _patterns(names: frozenset[str]) -> _Patterns:
    quoted = (re.escape(json.dumps(name, ensure_ascii=False)) for name in sorted(names))
    key = rf"(?:{'|'.join(quoted)})\s*:"
    closing, next_keys = r"(?:\s*[\]}])*\s*", rf"\{{\s*{key}|{key}"
    literal = r"(?:null|true|false|-?\d[\d.eE+-]*)\s*[,\]]"
    return _Patterns(
        key=re.compile(rf"[{{,]\s*{key}"),
        after_key=re.compile(r"\s*:"),
        after_value=re.compile(rf"\s*(?:,\s*{key}|\}}{closing}(?:,\s*(?:{next_keys})|\Z))"),
        after_element=re.compile(
            rf'\s*(?:,\s*(?:"|\[|\{{\s*{key}|{literal})|\]{closing}(?:,\s*(?:\[|{next_keys})|\Z))'
        ),
    )


def escape(text: str, names: frozenset[str]) -> str:
    """`text` with a backslash before each quote that stands inside a string and does not end it."""
    patterns = _patterns(names)
    out: list[str] = []
    open_brackets: list[str] = []
    ends: re.Pattern[str] | None = None  # of the string that we are in
    before = ""  # the last character outside strings that is not blank
    escaped = False
    for at, character in enumerate(text):
        if ends is not None:
            if character == '"' and not escaped:
                if ends.match(text, at + 1):
                    ends, before = None, '"'
                else:
                    out.append("\\")
            escaped = character == "\\" and not escaped
        elif character == '"':
            ends, escaped = _end_of_string(patterns, open_brackets, before), False
        elif not character.isspace():
            before = character
            if character in "{[":
                open_brackets.append(character)
            elif character in "}]" and open_brackets:
                open_brackets.pop()
        out.append(character)
    return "".join(out)


def _end_of_string(patterns: _Patterns, open_brackets: Sequence[str], before: str) -> re.Pattern[str]:
    if not open_brackets or open_brackets[-1] == "[":
        return patterns.after_element
    return patterns.after_value if before == ":" else patterns.after_key


def _keys(value: object) -> int:
    match value:
        case dict():
            return len(value) + sum(map(_keys, value.values()))
        case list():
            return sum(map(_keys, value))
        case _:
            return 0


# --- how a list is divided ------------------------------------------------------------------------------------------

_OPENING, _CLOSING = "„«", "»"
_EITHER_WAY = '"“”'  # “ opens in English and closes in German; ” closes there, and opens where people type it twice
_TYPED_LOW = re.compile(r",,(?=\w)")  # how „ is typed where the keyboard has none
_DIVIDES_TOO = re.compile(r'\s*,\s*"')
_BEFORE_OPENING, _BEHIND_CLOSING = "([{-–—/'‘", ")]}-–—/'’.,;:!?…"


def _lists_hold(verdict: Mapping[str, object]) -> bool:
    """`", "` divides two texts, or belongs to one: 'the songs "Aura", "Lumina" and …'. It does divide them where both
    of its quotes would have no partner in the text: none is left open before it, and none is closed behind it. Where
    a text ends with `",` there are two ways to divide."""
    return all(
        not _unpaired(one).opened and not _unpaired(other).closed and not _DIVIDES_TOO.match(other)
        for value in verdict.values()
        for one, other in pairwise(_texts_in_lists(value))
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
    """By its shape, else by what stands beside it, else whatever pairs."""
    if text[at] not in _EITHER_WAY:
        return text[at] in _OPENING
    before, behind = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    may_open = (not before or before.isspace() or before in _BEFORE_OPENING) and bool(behind) and not behind.isspace()
    may_close = bool(before) and not before.isspace() and (not behind or behind.isspace() or behind in _BEHIND_CLOSING)
    return not anything_open if may_open == may_close else may_open
