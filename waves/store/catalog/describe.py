"""`describe`: a theme against pg_catalog → `Shape`, before anything is paid for.

Everything that would fail later fails here, as a ConfigurationError that names the key of theme.yaml and the remedy:
names, types, unique keys, rights, the operator's own SQL, which is planned but not run. Reads only the catalogue, and
which columns the theme wrote to before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from waves.errors import ConfigurationError
from waves.store import queries
from waves.store.catalog import advice
from waves.store.catalog import names as catalog_names
from waves.store.connect import scalar
from waves.store.shape import column_values, fragments
from waves.store.shape.shape import Column, Relation, Shape
from waves.store.tables import target_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waves.config.theme import Target, Theme
    from waves.store.catalog.names import Attribute
    from waves.store.connect import Database

__all__ = ["Shape", "describe"]

_SQL = queries.load("catalog.sql")
_MOMENTS = ("timestamp with time zone", "timestamp without time zone", "date")
_ALIKE = (frozenset({"smallint", "integer", "bigint"}), frozenset({"text", "character varying"}))


@dataclass(frozen=True, slots=True)
class _Side:
    """The source or the target: the relation with all of its columns, and those of the key."""

    relation: Relation
    known: Mapping[str, Attribute]
    key: tuple[Column, ...]


def describe(db: Database, theme: Theme) -> Shape:
    """Everything that `theme` names in this database. ConfigurationError (78) with a remedy at the first defect."""
    catalog_names.require_temporary(db)
    source = _source(db, theme)
    shape = Shape(theme, source.relation, source.key, _input(db, theme, source))
    shape = replace(shape, changed_type=_changed_type(db, shape))
    _probe_own_sql(db, shape)
    if theme.target is not None:
        shape = _with_target(db, shape, source, theme.target)
        shape = replace(shape, columns_changed_at=target_columns.changed_at(db, theme))
    return replace(shape, warnings=advice.advise(db, shape))


def _source(db: Database, theme: Theme) -> _Side:
    relation = catalog_names.find_relation(db, theme.source.relation, "source.relation")
    known = catalog_names.attributes(db, relation)
    key = catalog_names.pick(relation, known, theme.source.key, "source.key")
    catalog_names.require_rights(db, relation, known, key, "SELECT")
    if relation.is_table:
        _require_unique(db, relation, key, "source.key")
    return _Side(relation, known, key)


def _input(db: Database, theme: Theme, source: _Side) -> tuple[Column, ...]:
    columns = catalog_names.pick(source.relation, source.known, theme.source.input, "source.input")
    catalog_names.require_rights(db, source.relation, source.known, columns, "SELECT")
    return columns


def _with_target(db: Database, shape: Shape, source: _Side, target: Target) -> Shape:
    table = catalog_names.find_relation(db, target.table, "target.table")
    if not table.is_table:
        raise ConfigurationError(f"target.table: {table} is not a table", "verdicts are written to a table, not a view")
    known = catalog_names.attributes(db, table)
    side = _Side(table, known, catalog_names.pick(table, known, target.key, "target.key"))
    columns = catalog_names.pick(table, known, (name for _, name in target.columns), "target.columns")
    pairs = tuple(zip((value for value, _ in target.columns), columns, strict=True))
    _require_unique(db, table, side.key, "target.key", exactly=target.insert)
    _require_writable(db, side, columns, insert=target.insert)
    _require_types(side, pairs)
    _require_same_keys(source, side)
    _require_apart(source, side, shape.input, columns)
    return replace(shape, target=table, target_key=side.key, columns=pairs)


def _require_unique(
    db: Database, relation: Relation, key: tuple[Column, ...], name: str, *, exactly: bool = False
) -> None:
    if not catalog_names.is_unique(catalog_names.indexes(db, relation), key, exactly=exactly):
        columns = ", ".join(catalog_names.quoted(column.name) for column in key)
        raise ConfigurationError(
            f"{name}: no unique index of {relation} covers ({columns})",
            f"CREATE UNIQUE INDEX CONCURRENTLY ON {catalog_names.quoted(relation.schema)}."
            f"{catalog_names.quoted(relation.name)} ({columns}); or name the primary key",
        )


def _require_writable(db: Database, side: _Side, columns: tuple[Column, ...], *, insert: bool) -> None:
    catalog_names.require_rights(db, side.relation, side.known, [*side.key, *columns], "SELECT")
    catalog_names.require_rights(db, side.relation, side.known, columns, "UPDATE")
    if insert:
        catalog_names.require_rights(db, side.relation, side.known, [*side.key, *columns], "INSERT")
    for column in (*columns, *(side.key if insert else ())):
        if side.known[column.name].computed:
            raise ConfigurationError(
                f"target: {side.relation} computes {column.name} itself",
                "name a column that can be written; an identity column can, after SET GENERATED BY DEFAULT",
            )
    if (rule := catalog_names.rewrite_rule(db, side.relation, insert=insert)) is not None:
        raise ConfigurationError(
            f"target.table: the rule {rule} rewrites what is written to {side.relation}",
            "drop the rule, a trigger can do what it does; or name another table",
        )


def _require_types(side: _Side, pairs: tuple[tuple[str, Column], ...]) -> None:
    taken: set[str] = {column.name for column in side.key}
    for value, column in pairs:
        if column.name in taken:
            raise ConfigurationError(
                f"target.columns: {column.name} of {side.relation} is a key column or is named twice",
                "each value needs a column of its own",
            )
        taken.add(column.name)
        types = column_values.taken_by(value)
        if types is not None and column.type not in types:
            raise ConfigurationError(
                f"target.columns: {column.name} of {side.relation} is {column.type}, which cannot take {value}",
                f"it can go to {catalog_names.listed(sorted(types))}",
            )


def _require_same_keys(source: _Side, target: _Side) -> None:
    """Checks that equal values of both keys are equal texts: one text must identify the row on both sides."""
    if len(source.key) != len(target.key):
        raise ConfigurationError(
            "source.key and target.key have different numbers of columns",
            "name the columns of both in the same order",
        )
    for ours, theirs in zip(source.key, target.key, strict=True):
        collations = {source.known[ours.name].own_collation, target.known[theirs.name].own_collation} - {None}
        kinds = {ours.type, theirs.type}
        if (len(kinds) > 1 and not any(kinds <= alike for alike in _ALIKE)) or len(collations) > 1:
            raise ConfigurationError(
                f"the keys differ: {source.relation}.{ours.name} is {ours.type}, {target.relation}.{theirs.name} is "
                f"{theirs.type}" + (", with another collation" if len(kinds) == 1 else ""),
                "give both the same type, or cast the key in a view and name that as source.relation",
            )


def _require_apart(source: _Side, target: _Side, given: tuple[Column, ...], written: tuple[Column, ...]) -> None:
    """A write must not change what is judged: the row would stay in the gap indefinitely."""
    both = {column.name for column in given} & {column.name for column in written}
    if source.relation.oid == target.relation.oid and both:
        names = catalog_names.listed(sorted(both))
        raise ConfigurationError(
            f"source.input and target.columns both name {names} of {source.relation}",
            "a verdict must not change what was judged: write it to another column",
        )


def _changed_type(db: Database, shape: Shape) -> str | None:
    changed = shape.theme.source.changed
    if not changed:
        return None
    query = sql.SQL(_SQL["probe_type"]).format(
        source=fragments.relation(shape.source), value=fragments.parenthesised(changed)
    )
    kind = _probe(db, query, "source.changed")
    if kind not in _MOMENTS:
        raise ConfigurationError(
            f"source.changed: {changed} of {shape.source} is {kind}, which is not a moment",
            f"name a column that is {', '.join(_MOMENTS)}, or leave `changed` out",
        )
    return kind


def _probe_own_sql(db: Database, shape: Shape) -> None:
    """Lets PostgreSQL plan the operator's SQL, which also checks our right to run it."""
    source = fragments.relation(shape.source)
    where = sql.SQL(_SQL["probe_condition"]).format(source=source, condition=fragments.in_scope(shape))
    _probe(db, where, "source.where")
    if shape.theme.source.priority:
        order = fragments.verbatim(f"{shape.theme.source.priority}\n")
        _probe(db, sql.SQL(_SQL["probe_order"]).format(source=source, order=order), "source.priority")


def _probe(db: Database, query: sql.Composed, key: str) -> str:
    """The first value of `query`. PostgreSQL's message about an error is shown: it quotes only the operator's SQL."""
    try:
        value = scalar(db.connection, query, {})
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        message = (error.diag.message_primary or type(error).__name__).splitlines()[0]
        raise ConfigurationError(f"{key}: PostgreSQL says: {message}", f"correct `{key}` in theme.yaml") from error
    return str(value)
