"""What a column of `target.columns` can take: the values that start with `$`, each with its SQL and with the types of
columns that can hold it. This is the one place to add another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

_TEXT = frozenset({"text", "character varying"})
_JSON = frozenset({"json", "jsonb"})
_NUMBER = frozenset({"double precision", "real", "numeric"})
_TEXTS = frozenset({"text[]", "character varying[]"})


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """`types` are those of PostgreSQL. `expression` is SQL over an entry `e` with the bound `version`; None: the
    output's field of the same name, without the `$`."""

    types: frozenset[str]
    expression: LiteralString | None = None


_CONFIDENCE = ColumnKind(_NUMBER, "e.confidence")

COLUMN_KINDS = {
    "$labels": ColumnKind(_TEXT | _JSON | _TEXTS),
    "$label": ColumnKind(_TEXT, "e.output #>> '{labels,0}'"),
    "$confidence": _CONFIDENCE,
    "$version": ColumnKind(_TEXT, "%(version)s::text"),
    "$model": ColumnKind(_TEXT, "e.model"),
    "$run": ColumnKind(_TEXT, "e.run_id"),
    "confidence": _CONFIDENCE,
}
"""By value. Any other value is a field of the output; `confidence`, which the output leaves out, is here."""
