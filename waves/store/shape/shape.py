"""A theme in this database: names resolved through pg_catalog, types, and advice on what is slow.

A `Shape` comes from `catalog.describe` only; all code that puts a configured name into SQL takes the name from it.
Types are those of `format_type(…, -1)`: without length, so that an assignment still checks the length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waves.config.theme import Theme


@dataclass(frozen=True, slots=True)
class Relation:
    """`kind` is PostgreSQL's letter: r table, p partitioned table, v view, m materialised view, f foreign table."""

    oid: int
    schema: str
    name: str
    kind: str

    @property
    def is_table(self) -> bool:
        return self.kind in ("r", "p")

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """`default` is the column's DEFAULT as SQL if it is a constant; None for NULL, and for any other expression."""

    name: str
    type: str
    default: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that works but is expensive: `statement` is the SQL that fixes it, or None."""

    message: str
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """`columns` are (value, target column) pairs, e.g. `("$labels", Column("labels", "text"))`. `key` and `target_key`
    correspond by position. `changed_type` is the type of `source.changed`, None if the theme has none. Verdicts that
    were applied before `columns_changed_at`, a moment as text, went to other columns."""

    theme: Theme
    source: Relation
    key: tuple[Column, ...]
    input: tuple[Column, ...]
    target: Relation | None = None
    target_key: tuple[Column, ...] = ()
    columns: tuple[tuple[str, Column], ...] = ()
    changed_type: str | None = None
    columns_changed_at: str | None = None
    warnings: tuple[Advice, ...] = ()

    @property
    def theme_id(self) -> str:
        return self.theme.theme_id

    @property
    def version_column(self) -> str | None:
        return self.theme.target.version_column if self.theme.target else None

    @property
    def inserts(self) -> bool:
        return self.theme.target is not None and self.theme.target.insert

    @property
    def same_table(self) -> bool:
        """Whether the items come from the table that verdicts are written to."""
        return self.target is not None and self.target.oid == self.source.oid
