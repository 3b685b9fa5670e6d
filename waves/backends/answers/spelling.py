"""The values of a verdict as the rubric's schema spells them. What is valid as it is written stays. Else an enumerated
value is corrected if only case, blanks around it or the Unicode composition differ. A whole number is an integer where
the schema asks for one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from waves.config.verdict_schema import SHARED

Path = tuple[str | int, ...]
"""The names and places that lead to a value in a verdict."""


@dataclass(frozen=True, slots=True)
class Speller:
    """`schema` is that of the whole verdict; at `faults` the verdict is not valid as it is written."""

    schema: Mapping[str, Any] = field(hash=False)
    faults: AbstractSet[Path]

    def spell(self, value: object, schema: object, at: Path, followed: frozenset[str] = frozenset()) -> object:
        """`value`, which stands at `at` and falls under `schema`. References that were `followed` for it are not
        followed again: those of a registered rubric may lead in a circle."""
        if not isinstance(schema, Mapping):
            return value
        if "$ref" in schema and (reference := str(schema["$ref"])) not in followed:
            value = self.spell(value, self._shared(reference), at, followed | {reference})
        for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            value = self.spell(value, branch, at, followed)
        match value:
            case dict():
                properties = schema.get("properties", {})
                return {name: self.spell(part, properties.get(name), (*at, name)) for name, part in value.items()}
            case list():
                return [self.spell(part, schema.get("items"), (*at, n)) for n, part in enumerate(value)]
            case str() if any(at[:depth] in self.faults for depth in range(len(at) + 1)):
                return _label(value, [word for word in _enumerated(schema) if isinstance(word, str)])
            case Decimal():
                return int(value) if _asks_for_integer(schema) and value == value.to_integral_value() else value
            case _:
                return value

    def _shared(self, reference: str) -> object:
        """The schema that a reference such as `#/$defs/colour` leads to; None for any other reference."""
        match reference.split("/"):
            case ["#", key, name] if key in SHARED:
                shared: object = self.schema.get(key, {}).get(name.replace("~1", "/").replace("~0", "~"))
                return shared
            case _:
                return None


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
