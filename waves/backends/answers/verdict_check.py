"""One verdict of an answer → the output that may be stored, checked against the rubric's schema.

What is valid as it is written is stored so; the rest as the schema spells it, if it means that. A decimal keeps its
digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

import jsonschema_rs

from waves.backends.answers.spelling import Path, Speller
from waves.config.rubric import Rubric
from waves.config.verdict_schema import of_any_values

_DEEPEST = 50
_MAGNITUDE = 307  # as a power of ten
_LONGEST_NUMBER = 1000  # characters


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
        speller = Speller(self._schema, self._faults(fields))
        fields = {name: speller.spell(value, self._properties.get(name), (name,)) for name, value in fields.items()}
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
