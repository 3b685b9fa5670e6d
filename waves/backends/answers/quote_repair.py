"""Quotes inside strings that a model left without a backslash: taken for text if only one reading of the answer is
complete, else refused. No character is dropped or invented.

Why the reading is the only one: every place that looks like a key of the rubric is read as a key, and each object has
each key once. Another reading would have to take one of those places for text, and then misses a key. Between two keys
the first quote opens and the last one closes. What stays open is whether all between them is text: `hidden_structure`
settles that, and `list_division` how a list is divided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from waves.backends.answers.hidden_structure import may_hold_structure
from waves.backends.answers.list_division import is_unambiguous
from waves.backends.answers.quotation_marks import STRAY

Decode = Callable[[str], object]

_ESCAPED_STRAY = re.compile(rf"\\u{ord(STRAY):04x}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """The shape of a complete answer. `names` are the keys of its objects; `verdicts` gives the verdicts of a document
    that holds everything that was requested and nothing else, or None."""

    names: frozenset[str]
    verdicts: Callable[[object], Sequence[Mapping[str, object]] | None]


def read(text: str, shape: AnswerShape, decode: Decode) -> list[Mapping[str, object]]:
    """The verdicts of the only faithful reading, without those that may hold structure in a text and those whose lists
    can be divided in two ways. Raises ValueError if there is no such reading."""
    if STRAY in text or _ESCAPED_STRAY.search(text):
        raise ValueError("the mark of a stray quote stands in the answer")
    document = decode(mark(text, shape.names))
    if len(_patterns(shape.names).key.findall(text)) != _keys(document):
        raise ValueError("something in a string looks like a key")
    verdicts = shape.verdicts(document)
    if verdicts is None:
        raise ValueError("the answer misses something, or holds too much")
    return [{name: _quoted(value) for name, value in each.items()} for each in verdicts if _is_certain(each)]


def _is_certain(verdict: Mapping[str, object]) -> bool:
    fields = [list(_texts(value)) for value in verdict.values()]
    if any(may_hold_structure(text, listed=listed) for texts in fields for text, listed in texts):
        return False
    return all(is_unambiguous([text for text, listed in texts if listed]) for texts in fields)


def _texts(value: object, *, listed: bool = False) -> Iterator[tuple[str, bool]]:
    """Each text, and whether it stands in a list."""
    match value:
        case str():
            yield value, listed
        case dict():
            for part in value.values():
                yield from _texts(part, listed=listed)
        case list():
            for part in value:
                yield from _texts(part, listed=True)


def _quoted(value: object) -> object:
    """`value` with quotes in the place of their marks."""
    match value:
        case str():
            return value.replace(STRAY, '"')
        case dict():
            return {name: _quoted(part) for name, part in value.items()}
        case list():
            return [_quoted(part) for part in value]
        case _:
            return value


@dataclass(frozen=True, slots=True)
class _Patterns:
    """`key`: what looks like a key, with the character before it. The others: what follows the quote that ends a string
    of that kind, so that the document goes on after it."""

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


def mark(text: str, names: frozenset[str]) -> str:
    """`text` with STRAY for each quote that stands inside a string and does not end it."""
    patterns = _patterns(names)
    out: list[str] = []
    open_brackets: list[str] = []
    ends: re.Pattern[str] | None = None  # of the current string
    before = ""  # the last character outside strings that is not blank
    escaped = False
    for at, character in enumerate(text):
        stray = False
        if ends is not None:
            if character == '"' and not escaped:
                stray = not ends.match(text, at + 1)
                if not stray:
                    ends, before = None, '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            ends, escaped = _end_of_string(patterns, open_brackets, before), False
        elif not character.isspace():
            before = character
            if character in "{[":
                open_brackets.append(character)
            elif character in "}]" and open_brackets:
                open_brackets.pop()
        out.append(STRAY if stray else character)
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
