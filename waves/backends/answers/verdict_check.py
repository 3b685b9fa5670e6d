"""One verdict of an answer → the output that may be stored, checked against the rubric's schema.

What is valid as it is written is stored so. Else the spelling of an enumerated value is corrected if only case, blanks
around it or the Unicode composition differ. A whole number is an integer where the schema asks for one. A decimal keeps
its digits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

import jsonschema_rs

from waves.config.rubric import Rubric
from waves.config.verdict_schema import of_any_values

_DEEPEST = 50
_MAGNITUDE = 307  # as a power of ten
_LONGEST_NUMBER = 1000  # characters

Path = tuple[str | int, ...]
"""The names and places that lead to a value in a verdict."""


class InvalidVerdictError(ValueError):
    """The verdict may not be stored. The message says why without quoting it."""


class Checker:
    """Compiled once for a rubric; used for every verdict. `names` are all keys of an answer's objects."""

    def __init__(self, rubric: Rubric) -> None:
        self.names = frozenset(_names(rubric.wire_schema))
        self._wire_schema = rubric.wire_schema
        self._schema = rubric.schema
        self._properties: Mapping[str, object] = rubric.schema.get("properties", {})
        self._validator = jsonschema_rs.validator_for(dict(rubric.schema), validate_formats=True)

    def accept(self, verdict: Mapping[str, Any]) -> tuple[dict[str, Any], float | None]:
        """The output without `id` and `confidence`, and the confidence (0..1) if there is one. Raises
        InvalidVerdictError."""
        fields = {name: value for name, value in verdict.items() if name != "id"}
        if not _storable(fields):
            raise InvalidVerdictError("the verdict holds something that PostgreSQL cannot store")
        faults = self._faults(fields)
        fields = {name: _spell(value, self._properties.get(name), (name,), faults) for name, value in fields.items()}
        if not self._validator.is_valid(fields):
            raise InvalidVerdictError(self._first_fault(fields))
        confidence = fields.pop("confidence", None)
        if confidence is None:
            return fields, None
        if isinstance(confidence, bool) or not isinstance(confidence, int | Decimal) or not 0 <= confidence <= 1:
            raise InvalidVerdictError("confidence is not a number from 0 to 1")
        return fields, float(confidence)

    def is_whole(self, answer: Mapping[str, Any]) -> bool:
        """Whether each object of the answer has each of its keys, and no other. Values are not checked here."""
        return jsonschema_rs.is_valid(of_any_values(self._wire_schema), answer)

    def _faults(self, fields: Mapping[str, Any]) -> AbstractSet[Path]:
        """Where the verdict is not valid as it is written."""
        if self._validator.is_valid(fields):
            return frozenset()
        return {tuple(error.instance_path) for error in self._validator.iter_errors(fields)}

    def _first_fault(self, fields: Mapping[str, Any]) -> str:
        """`labels/0: enum`: where and by which keyword, both of which are the schema's own words."""
        error = next(self._validator.iter_errors(fields))
        keyword = error.schema_path[-1] if error.schema_path else "schema"
        known = [str(step) for step in error.instance_path if isinstance(step, int) or step in _names(self._schema)]
        return f"the verdict does not fit the schema at {'/'.join(known) or 'its top'}: {keyword}"


def _names(schema: object) -> set[str]:
    """Every property name that a schema mentions."""
    if isinstance(schema, Mapping):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), Mapping) else set()
        return own.union(*(_names(part) for part in schema.values()))
    if isinstance(schema, list | tuple):
        return set().union(*(_names(part) for part in schema))
    return set()


def _spell(value: object, schema: object, at: Path, faults: AbstractSet[Path]) -> object:
    """`value`, which stands at `at`, as the schema spells it: each text that is not valid and means exactly one
    enumerated value, each whole number that is to be an integer."""
    if not isinstance(schema, Mapping):
        return value
    for branch in schema.get("anyOf", ()):
        value = _spell(value, branch, at, faults)
    match value:
        case dict():
            properties = schema.get("properties", {})
            return {name: _spell(part, properties.get(name), (*at, name), faults) for name, part in value.items()}
        case list():
            return [_spell(part, schema.get("items"), (*at, n), faults) for n, part in enumerate(value)]
        case str() if any(at[:depth] in faults for depth in range(len(at) + 1)):
            return _label(value, [word for word in _enumerated(schema) if isinstance(word, str)])
        case Decimal():
            return int(value) if _asks_for_integer(schema) and value == value.to_integral_value() else value
        case _:
            return value


def _enumerated(schema: Mapping[str, Any]) -> Sequence[object]:
    return (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ()))


def _label(text: str, known: Sequence[str]) -> str:
    """The known label with these characters, however they are composed; else the one that differs in case alone."""
    for alike in (_composed, _caseless):
        same = [word for word in known if alike(word) == alike(text)]
        if len(same) == 1:
            return same[0]
    return text


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text.strip()).casefold())


def _asks_for_integer(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type")
    names = {types} if isinstance(types, str) else set(types or ())
    return "integer" in names and "number" not in names


def _storable(value: object, room: int = _DEEPEST) -> bool:
    """No U+0000 or lone surrogate in any text, no number beyond those that jsonb and a double hold. Not nested so
    deeply that a walk through it would exhaust the stack."""
    if isinstance(value, str):
        return "\0" not in value and (value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value))
    if isinstance(value, dict):
        return room > 0 and all(_storable(name) and _storable(part, room - 1) for name, part in value.items())
    if isinstance(value, list):
        return room > 0 and all(_storable(part, room - 1) for part in value)
    return not isinstance(value, Decimal) or (
        abs(value.adjusted()) <= _MAGNITUDE and len(str(value)) <= _LONGEST_NUMBER
    )
