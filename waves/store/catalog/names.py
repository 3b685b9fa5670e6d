"""Names from theme.yaml → what pg_catalog knows under them. A name that is not there is a ConfigurationError that
names the known ones; so is a right that is lacking, with the GRANT that gives it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from waves.errors import ConfigurationError
from waves.store import queries
from waves.store.connect import scalar
from waves.store.shape.shape import Column, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from waves.store.connect import Database

_SQL = queries.load("catalog.sql")
_DEFAULT_COLLATION = 100
_ENOUGH = 20
_RIGHTS = ("SELECT", "UPDATE", "INSERT")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column as the catalogue has it. `computed`: nobody can write it; `nullable` is known of tables alone."""

    column: Column
    computed: bool
    collation: int
    nullable: bool
    rights: Mapping[str, bool]

    @property
    def own_collation(self) -> int | None:
        return self.collation if self.collation not in (0, _DEFAULT_COLLATION) else None


@dataclass(frozen=True, slots=True)
class Index:
    """Valid index; `columns` has None for an expression. `unique` holds for all rows, `partial` ones are not."""

    unique: bool
    immediate: bool
    columns: tuple[str | None, ...]
    partial: bool


def find_relation(db: Database, text: str, key: str) -> Relation:
    """The relation written as `text` (`name`, `schema.name`, quoted or not) under `key` of theme.yaml."""
    for schema, name in _spellings(db, text):
        row = db.execute(_SQL["relation"], {"schema": schema, "name": name}).fetchone()
        if row is not None:
            found = Relation(*row)
            _require_usage(db, found)
            return found
    known = [row[0] for row in db.execute(_SQL["relations"]).fetchall()]
    bare = {name.split(".", 1)[1]: name for name in known}
    near = difflib.get_close_matches(text, [*known, *bare], n=1)
    raise ConfigurationError(
        f"{key}: there is no relation {text} in this database",
        f"did you mean {bare.get(near[0], near[0])}?" if near else f"known relations: {listed(known)}",
    )


def attributes(db: Database, where: Relation) -> dict[str, Attribute]:
    rows = db.execute(_SQL["columns"], {"oid": where.oid}).fetchall()
    return {
        name: Attribute(Column(name, kind), computed, collation, nullable, dict(zip(_RIGHTS, rights, strict=True)))
        for name, kind, computed, collation, nullable, *rights in rows
    }


def rewrite_rule(db: Database, where: Relation, *, insert: bool) -> str | None:
    """A rewrite rule under which rows cannot be written to the table, by name."""
    name: str | None = db.scalar(_SQL["rules"], {"oid": where.oid, "insert": insert})
    return name


def pick(where: Relation, known: Mapping[str, Attribute], names: Iterable[str], key: str) -> tuple[Column, ...]:
    """The columns `names` of a relation, as written under `key` of theme.yaml."""
    found = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f"{key}: {where} has no column {name}",
                f"did you mean {near[0]}?" if near else f"its columns: {listed(known)}",
            )
        found.append(known[name].column)
    return tuple(found)


def indexes(db: Database, where: Relation) -> tuple[Index, ...]:
    rows = db.execute(_SQL["indexes"], {"oid": where.oid}).fetchall()
    return tuple(Index(unique, immediate, tuple(columns), partial) for unique, immediate, columns, partial in rows)


def is_unique(found: Iterable[Index], key: Sequence[Column], *, exactly: bool = False) -> bool:
    """Whether an index holds the key columns (or some of them) unique. `exactly`: fit for ON CONFLICT."""
    names = {column.name for column in key}
    unique = [set(index.columns) for index in found if index.unique and (index.immediate or not exactly)]
    return names in unique if exactly else any(columns <= names for columns in unique)


def require_rights(
    db: Database, where: Relation, known: Mapping[str, Attribute], columns: Iterable[Column], right: str
) -> None:
    lacking = sorted({column.name for column in columns if not known[column.name].rights[right]})
    if lacking:
        names = ", ".join(map(quoted, lacking))
        raise ConfigurationError(
            f"{user(db)} may not {right} {names} of {where}",
            f"as its owner: GRANT {right} ({names}) ON {quoted(where.schema)}.{quoted(where.name)} TO {user(db)};",
        )


def user(db: Database) -> str:
    """The role that we are, quoted for a GRANT."""
    row = db.execute(_SQL["rights"]).fetchone()
    return str(row[1]) if row else "the user"


def require_temporary(db: Database) -> None:
    row = db.execute(_SQL["rights"]).fetchone()
    if row is not None and not row[3]:
        raise ConfigurationError(
            f"{row[0]} may not create temporary tables, which collect needs",
            f"as the owner: GRANT TEMPORARY ON DATABASE {quoted(row[2])} TO {row[1]};",
        )


def quoted(name: str) -> str:
    return psycopg.sql.Identifier(name).as_string(None)


def listed(names: Iterable[str]) -> str:
    """A few names for a hint."""
    every = list(names)
    return ", ".join(every[:_ENOUGH]) + (" …" if len(every) > _ENOUGH else "") or "none"


def _spellings(db: Database, text: str) -> list[tuple[str | None, str]]:
    """As written first, then as PostgreSQL would read it: folded to lower case, with quotes taken off."""
    schema, dot, name = text.partition(".")
    found: list[tuple[str | None, str]] = [(None, text)]
    if dot:
        found.append((schema, name))
    try:
        pieces: list[str] = scalar(db.connection, _SQL["identifiers"], {"text": text})
    except psycopg.errors.InvalidParameterValue:
        return found
    match pieces:
        case [only]:
            found.append((None, only))
        case [first, second]:
            found.append((first, second))
    return found


def _require_usage(db: Database, found: Relation) -> None:
    if not db.scalar(_SQL["schema_usage"], {"schema": found.schema}):
        raise ConfigurationError(
            f"{user(db)} may not look into schema {found.schema}",
            f"as its owner: GRANT USAGE ON SCHEMA {quoted(found.schema)} TO {user(db)};",
        )
