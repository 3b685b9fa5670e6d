"""Names from theme.yaml → what pg_catalog has under them. A name that does not exist is a ConfigurationError that lists
the existing ones; so is a missing right, with the GRANT that gives it."""

from __future__ import annotations

import difflib
import re
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
_CONSTANT = re.compile(r"(?:'(?:[^'\\]|'')*'|\(?-?[0-9.]+\)?|true|false)(?:::[a-z][a-z ]*(?:\([0-9,]+\))?(?:\[\])?)?")
"""As pg_get_expr prints it: `'[]'::text`, `0`, `'-1'::integer`, `(0)::double precision`."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column as the catalogue has it. `computed`: it cannot be written; `nullable` is known for tables only."""

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
    """A valid index; `columns` has None for an expression. `unique`: for all rows, so a `partial` one never is."""

    unique: bool
    immediate: bool
    columns: tuple[str | None, ...]
    partial: bool


def find_relation(db: Database, text: str, key: str) -> Relation:
    """The relation written as `text` (`name`, `schema.name`, quoted or not) under `key` of theme.yaml."""
    for schema, name in _spellings(db, text):
        row = db.execute(_SQL["relation"], {"schema": schema, "name": name}).fetchone()
        if row is not None:
            relation = Relation(*row)
            _require_usage(db, relation)
            return relation
    known = [name for (name,) in db.execute(_SQL["relations"]).fetchall()]
    bare = {name.split(".", 1)[1]: name for name in known}
    near = difflib.get_close_matches(text, [*known, *bare], n=1)
    raise ConfigurationError(
        f"{key}: there is no relation {text} in this database",
        f"did you mean {bare.get(near[0], near[0])}?" if near else f"known relations: {listed(known)}",
    )


def same_relation(db: Database, one: str, other: str) -> bool:
    """Whether both texts are names of one relation; False if either names none."""
    try:
        return find_relation(db, one, "target.table").oid == find_relation(db, other, "target.table").oid
    except ConfigurationError:
        return False


def attributes(db: Database, relation: Relation) -> dict[str, Attribute]:
    rows = db.execute(_SQL["columns"], {"oid": relation.oid}).fetchall()
    return {
        name: Attribute(
            Column(name, kind, _constant(default)),
            computed,
            collation,
            nullable,
            dict(zip(_RIGHTS, rights, strict=True)),
        )
        for name, kind, computed, collation, nullable, default, *rights in rows
    }


def _constant(default: str | None) -> str | None:
    """A column's DEFAULT if it is a constant, as SQL. Others are never executed: `nextval` would use up a number."""
    return default if default is not None and _CONSTANT.fullmatch(default) else None


def rewrite_rule(db: Database, relation: Relation, *, insert: bool) -> str | None:
    """The name of a rewrite rule that keeps rows from being written to the table."""
    name: str | None = db.scalar(_SQL["rules"], {"oid": relation.oid, "insert": insert})
    return name


def pick(relation: Relation, known: Mapping[str, Attribute], names: Iterable[str], key: str) -> tuple[Column, ...]:
    """The columns `names` of a relation, as written under `key` of theme.yaml."""
    columns = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f"{key}: {relation} has no column {name}",
                f"did you mean {near[0]}?" if near else f"its columns: {listed(known)}",
            )
        columns.append(known[name].column)
    return tuple(columns)


def indexes(db: Database, relation: Relation) -> tuple[Index, ...]:
    rows = db.execute(_SQL["indexes"], {"oid": relation.oid}).fetchall()
    return tuple(Index(unique, immediate, tuple(columns), partial) for unique, immediate, columns, partial in rows)


def is_unique(candidates: Iterable[Index], key: Sequence[Column], *, exactly: bool = False) -> bool:
    """Whether an index makes the key columns (or some of them) unique. `exactly`: usable by ON CONFLICT."""
    names = {column.name for column in key}
    unique = [set(index.columns) for index in candidates if index.unique and (index.immediate or not exactly)]
    return names in unique if exactly else any(columns <= names for columns in unique)


def require_rights(
    db: Database, relation: Relation, known: Mapping[str, Attribute], columns: Iterable[Column], right: str
) -> None:
    missing = sorted({column.name for column in columns if not known[column.name].rights[right]})
    if missing:
        names, table = ", ".join(map(quoted, missing)), f"{quoted(relation.schema)}.{quoted(relation.name)}"
        raise ConfigurationError(
            f"{user(db)} may not {right} {names} of {relation}",
            f"as its owner: GRANT {right} ({names}) ON {table} TO {user(db)};",
        )


def user(db: Database) -> str:
    """The role of this connection, quoted for a GRANT."""
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
    spellings: list[tuple[str | None, str]] = [(None, text)]
    if dot:
        spellings.append((schema, name))
    try:
        pieces: list[str] = scalar(db.connection, _SQL["identifiers"], {"text": text})
    except psycopg.errors.InvalidParameterValue:
        return spellings
    match pieces:
        case [only]:
            spellings.append((None, only))
        case [first, second]:
            spellings.append((first, second))
    return spellings


def _require_usage(db: Database, relation: Relation) -> None:
    if not db.scalar(_SQL["schema_usage"], {"schema": relation.schema}):
        raise ConfigurationError(
            f"{user(db)} may not look into schema {relation.schema}",
            f"as its owner: GRANT USAGE ON SCHEMA {quoted(relation.schema)} TO {user(db)};",
        )
