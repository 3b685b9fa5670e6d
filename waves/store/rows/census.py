"""The progress of a theme: every row in scope is done, missing, or given up. Read-only.

Small tables are counted exactly, edits included. Large tables are counted through the target's index on the version
while the gap is small; the rest is the planner's estimate, and marked as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from waves.store import faults, queries
from waves.store.connect import scalar
from waves.store.rows import candidates
from waves.store.rows.row_needs import need_expression, target_join
from waves.store.shape import fragments
from waves.store.transactions import of_a_row, snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from waves.store.connect import Database, Query
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("census.sql")
SMALL = 50_000
"""Up to this many rows are assessed one by one (0.4 s), and candidates counted one by one. A fire counts twice."""


@dataclass(frozen=True, slots=True)
class Census:
    """`total = done + missing + given_up`; refused and quarantined rows are given up. `estimated`: not counted
    exactly."""

    total: int
    done: int
    missing: int
    given_up: int
    estimated: bool

    @property
    def percent(self) -> float:
        """Rows that are done, in percent of all, rounded down: 100 means that every row is done. An empty table is."""
        return 100.0 if self.total == 0 else 10_000 * self.done // self.total / 100


@dataclass(frozen=True, slots=True)
class NeedCounts:
    """The numbers of rows that are done, to be asked about, to be restored, and out of the gap."""

    done: int
    ask: int
    restore: int
    out: int


def census(db: Database, shape: Shape, version: str) -> Census:
    """The rows of the theme by their state under rubric `version`."""
    with faults.mapped(), snapshot(db) as connection:
        rows = planned_scope(connection, shape)
        needs = count_exactly(connection, shape, version) if rows <= SMALL else None
        if needs is None:
            rows, _ = rows_in_scope(connection, shape)  # a row that cannot be computed can still be counted
            return _estimate(connection, shape, version, rows)
        missing = needs.ask + needs.restore
        return Census(needs.done + missing + needs.out, needs.done, missing, needs.out, estimated=False)


def planned_scope(connection: Connection, shape: Shape) -> int:
    """The number of rows in scope, as the planner expects it."""
    return planned_rows(connection, sql.SQL(_SQL["scope"]).format(**_source(shape)), {})


def rows_in_scope(connection: Connection, shape: Shape) -> tuple[int, bool]:
    """The number of rows in scope, and whether it is an estimate: small tables are counted."""
    rows = planned_scope(connection, shape)
    if rows > SMALL:
        return rows, True
    return _count(connection, sql.SQL(_SQL["in_scope"]).format(**_source(shape)), {}), False


def count_exactly(connection: Connection, shape: Shape, version: str) -> NeedCounts | None:
    """Every row assessed as the gap does it, edits included; for small tables. None if a row's value cannot be
    computed: then the numbers can only be estimated."""
    query = sql.SQL(_SQL["exact"]).format(
        need=need_expression(shape),
        source_row=fragments.source_row(shape),
        target_join=target_join(shape, "c"),
        **_source(shape),
    )
    try:
        with connection.transaction():
            row = connection.execute(query, _bound(shape, version)).fetchone()
    except psycopg.Error as error:
        if of_a_row(error):
            return None
        raise
    return NeedCounts(*(row or (0, 0, 0, 0)))


def _estimate(connection: Connection, shape: Shape, version: str, rows: int) -> Census:
    bound = _bound(shape, version)
    out = _count(connection, sql.SQL(_SQL["given_up"]).format(), bound)
    if candidates.compares_all(shape):
        done = min(_done(connection, shape, bound), rows)
        missing = max(0, rows - done - out)
    else:
        missing = max(0, sum(_candidates(connection, branch, bound) for branch in candidates.branches(shape)) - out)
        done = max(0, rows - missing - out)
    return Census(done + missing + out, done, missing, out, estimated=True)


def _candidates(connection: Connection, branch: candidates.Branch, bound: dict[str, object]) -> int:
    """Counted up to a limit, estimated beyond it."""
    counted = sql.SQL(_SQL["counted"]).format(rows=branch.rows)
    count = _count(connection, counted, {**bound, "limit": SMALL})
    if count < SMALL:
        return count
    return max(count, planned_rows_of(connection, branch.rows, bound))


def _done(connection: Connection, shape: Shape, bound: dict[str, object]) -> int:
    if shape.target is None or shape.version_column is None:
        return _count(connection, sql.SQL(_SQL["accepted"]).format(), bound)
    version = fragments.name("t", shape.version_column)
    query = sql.SQL(_SQL["of_version"]).format(target=fragments.relation(shape.target), version=version)
    return _count(connection, query, bound)


def planned_rows_of(connection: Connection, rows: sql.Composed, bound: Mapping[str, Any]) -> int:
    """The number of rows of the query `rows`, as the planner expects it."""
    return planned_rows(connection, sql.SQL(_SQL["planned"]).format(rows=rows), bound)


def planned_rows(connection: Connection, query: Query, bound: Mapping[str, Any]) -> int:
    """The number of rows that the planner expects; `query` is an EXPLAIN (FORMAT JSON)."""
    return int(scalar(connection, query, bound)[0]["Plan"]["Plan Rows"])


def _count(connection: Connection, query: sql.Composed, bound: dict[str, object]) -> int:
    return int(scalar(connection, query, bound))


def _source(shape: Shape) -> dict[str, sql.Composable]:
    return {"source": fragments.relation(shape.source), "in_scope": fragments.in_scope(shape)}


def _bound(shape: Shape, version: str) -> dict[str, object]:
    return {"theme": shape.theme_id, "version": version}
