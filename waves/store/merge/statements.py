"""The statements of a merge that depend on a theme's shape: match, write, and the target's values before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries
from waves.store.rows.row_needs import target_join
from waves.store.shape import column_values, fragments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from waves.store.shape.shape import Shape

_SQL = queries.load("merge.sql")


def match_statement(shape: Shape) -> sql.Composed:
    return sql.SQL(_SQL["match"]).format(
        keys=fragments.key_columns(shape),
        row_keys=fragments.commas(fragments.key_of("r", shape)),
        before=_before(shape),
        source_row=fragments.source_row(shape),
        also=_before_in_source(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=fragments.equal(fragments.key_of("s", shape), fragments.key_of_entry(shape)),
        target_join=sql.SQL("") if shape.same_table else target_join(shape, "r"),
    )


def update_statement(shape: Shape) -> sql.Composed:
    if shape.target is None:
        raise ValueError("a theme without a target writes nothing")
    pairs = zip(shape.columns, column_values.expressions(shape), strict=True)
    return sql.SQL(_SQL["update_target"]).format(
        target=fragments.relation(shape.target),
        assignments=fragments.commas(sql.SQL("{} = {}").format(fragments.name(c.name), e) for (_, c), e in pairs),
        same_key=fragments.equal(fragments.target_key(shape), fragments.key_of("r", shape)),
        after=target_json(shape),
        kept=_kept(shape),
    )


def insert_statement(shape: Shape) -> sql.Composed:
    if shape.target is None:
        raise ValueError("a theme without a target writes nothing")
    columns = [fragments.name(column.name) for _, column in shape.columns]
    key = fragments.target_key(shape)
    return sql.SQL(_SQL["insert_target"]).format(
        target=fragments.relation(shape.target),
        keys=fragments.commas(fragments.name(column.name) for column in shape.target_key),
        columns=fragments.commas(columns),
        row_keys=fragments.commas(fragments.key_of("r", shape)),
        values=fragments.commas(column_values.expressions(shape)),
        written_keys=fragments.commas(key),
        after=target_json(shape),
        kept=_kept(shape),
        same_key=fragments.equal(key, fragments.key_of("r", shape)),
    )


def target_json(shape: Shape) -> sql.Composed:
    """The target columns of `t` as one JSON object."""
    return _as_json((column.name, fragments.name("t", column.name)) for _, column in shape.columns)


def _kept(shape: Shape) -> sql.Composable:
    """Whether the row has the version that was written: if a trigger removes it, the row is asked about forever."""
    if shape.version_column is None:
        return sql.SQL("true")
    return sql.SQL("{} IS NOT DISTINCT FROM %(version)s").format(fragments.name("t", shape.version_column))


def _before(shape: Shape) -> sql.Composable:
    if shape.target is None:
        return sql.SQL("NULL")
    return sql.SQL("r.before_json") if shape.same_table else before_in_target(shape)


def before_in_target(shape: Shape) -> sql.Composed:
    key = fragments.target_key(shape)[0]
    return sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(key, target_json(shape))


def _before_in_source(shape: Shape) -> sql.Composable:
    """If the source is the target, the row's values are read together with its input."""
    if not shape.same_table:
        return sql.SQL("")
    pairs = ((column.name, fragments.column(shape.source, column)) for _, column in shape.columns)
    return sql.SQL(", {} AS before_json").format(_as_json(pairs))


def _as_json(pairs: Iterable[tuple[str, sql.Composable]]) -> sql.Composed:
    """Names are literals: they come from pg_catalog."""
    items = (sql.SQL("{}, {}").format(fragments.literal(name), value) for name, value in pairs)
    return sql.SQL("jsonb_build_object({})").format(fragments.commas(items))
