"""Streams of candidate keys from server-side cursors, in the order in which the gap is taken.

The target's index on (version, key) finds unjudged, cleared and older rows without reading the others. Without a
version column, and if rows are inserted into the target, the whole source is compared with the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries
from waves.store.rows.row_needs import columns_changed_at, is_last_applied
from waves.store.shape import fragments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("gap.sql")
_BRANCHES = ("{} IS NULL", "{} < %(version)s", "{} > %(version)s")


def stream(
    connection: Connection, query: sql.Composed, values: Mapping[str, object], chunk: int
) -> Iterator[list[Key]]:
    """Lists of up to `chunk` keys; never more than one list is in memory."""
    with connection.cursor(name="wave_candidates") as cursor:
        cursor.execute(query, values)
        while keys := cursor.fetchmany(chunk):
            yield keys


@dataclass(frozen=True, slots=True)
class Branch:
    """One query for candidates: its rows, and the order in which they are taken. Bind `theme` and `version`."""

    rows: sql.Composed
    order: sql.Composed

    @property
    def query(self) -> sql.Composed:
        return sql.SQL("{} ORDER BY {}").format(self.rows, self.order)


def branches(shape: Shape) -> list[Branch]:
    """The candidate queries in sequence; each candidate is in exactly one of them."""
    if compares_all(shape):
        return [_from_source(shape, _unsettled(shape), [])]
    branches = [_branch(shape, condition) for condition in _BRANCHES]
    return [*branches, _from_source(shape, _not_in_columns(shape), [])] if shape.columns_changed_at else branches


def compares_all(shape: Shape) -> bool:
    """Whether finding candidates takes a read of every row of the source."""
    return shape.target is None or shape.version_column is None or shape.inserts


def _branch(shape: Shape, condition: str) -> Branch:
    """One range of the version column. The version leads the order if the index can deliver that order."""
    if shape.target is None or shape.version_column is None:
        raise ValueError("a theme without a version column has no branches")
    by_version = not shape.theme.source.priority or condition == _BRANCHES[0]
    if shape.same_table:
        version = fragments.name(shape.target.schema, shape.target.name, shape.version_column)
        where = sql.SQL(condition).format(version)
        return _from_source(shape, where, [version] if by_version else [])
    version = fragments.name("t", shape.version_column)
    where = sql.SQL(condition).format(version)
    if shape.theme.source.priority:
        return _from_source(shape, _in_target(shape, where), [])
    key = fragments.target_key(shape)
    target = fragments.relation(shape.target)
    rows = sql.SQL(_SQL["from_target"]).format(keys=_texts(key), target=target, branch=where)
    return Branch(rows, fragments.commas([version, *key]))


def _from_source(shape: Shape, branch: sql.Composable, first: Sequence[sql.Composable]) -> Branch:
    priority = shape.theme.source.priority
    key = fragments.source_key(shape)
    rows = sql.SQL(_SQL["from_source"]).format(
        keys=_texts(key),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        branch=branch,
    )
    return Branch(rows, fragments.commas([*first, *([fragments.verbatim(f"{priority}\n")] if priority else []), *key]))


def _texts(key: Sequence[sql.Composable]) -> sql.Composed:
    """The key as text, under names that the operator's ORDER BY cannot use: PostgreSQL would prefer ours to theirs."""
    texts = fragments.as_text(key)
    return fragments.commas(
        sql.SQL("{} AS {}").format(t, sql.Identifier(f"waves_k{n}")) for n, t in enumerate(texts, 1)
    )


def _in_target(shape: Shape, branch: sql.Composable) -> sql.Composed:
    return sql.SQL(_SQL["target_in_branch"]).format(**_against_target(shape), branch=branch)


def _unsettled(shape: Shape) -> sql.Composable:
    if shape.target is not None and shape.version_column is not None:
        version = fragments.name("t", shape.version_column)
        without = sql.SQL(_SQL["without_version"]).format(**_against_target(shape), version=version)
        return sql.SQL("({} OR {})").format(without, _not_in_columns(shape)) if shape.columns_changed_at else without
    verdicts = sql.SQL(_SQL["unsettled"]).format(entity_key=fragments.entity_key(shape), shown=is_last_applied(shape))
    if not shape.inserts:
        return verdicts
    missing = sql.SQL(_SQL["without_row"]).format(**_against_target(shape))
    return sql.SQL("({} OR {})").format(verdicts, missing)


def _not_in_columns(shape: Shape) -> sql.Composed:
    if shape.version_column is None:
        raise ValueError("a theme without a version column is compared as a whole")
    shown = sql.SQL("{} = %(version)s").format(fragments.name("t", shape.version_column))
    return sql.SQL(_SQL["not_in_columns"]).format(
        shown=_in_target(shape, shown),
        entity_key=fragments.entity_key(shape),
        changed_at=columns_changed_at(shape),
    )


def _against_target(shape: Shape) -> dict[str, sql.Composable]:
    if shape.target is None:
        raise ValueError("a theme without a target has no target table")
    same = fragments.equal(fragments.target_key(shape), fragments.source_key(shape))
    return {"target": fragments.relation(shape.target), "same_key": same}
