"""A sample of the rows that a version has not judged yet, for a pilot. Read-only, repeatable, and bounded.

Up to `_MOST` rows are read: of a small source all, in an order shuffled by the version; of a large table some blocks,
chosen by the version; of a large view the rows that belong to blocks of the target, or, without such a target, the
first rows that PostgreSQL returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import faults, queries
from waves.store.rows.census import planned_rows
from waves.store.rows.row_needs import assess_rows, candidate_values, judged_cte
from waves.store.shape import fragments
from waves.store.transactions import FailureShare, bisected, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waves.models import Item
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Relation, Shape
    from waves.store.transactions import Connection

_SQL = queries.load("pilot.sql")
_MOST = 20_000
_CHUNK = 1000
_WITH_BLOCKS = ("r", "p", "m")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that the version has not judged yet."""

    key: Key
    entity_key: str


def candidates(db: Database, shape: Shape, version: str) -> list[Candidate]:
    """At most `_MOST` candidates, in a pseudo-random order that is the same for the same rows."""
    unjudged: list[Candidate] = []
    with faults.mapped(), snapshot(db) as connection:
        pool = connection.execute(*_pool(connection, shape, version)).fetchall()
        share = FailureShare()
        for start in range(0, len(pool), _CHUNK):
            unjudged += _unjudged(connection, shape, version, pool[start : start + _CHUNK], share)
    return unjudged


def items(db: Database, shape: Shape, version: str, keys: Sequence[Key]) -> tuple[Item, ...]:
    """The rows of these keys as items, in their order, without those that no longer need a verdict."""
    with faults.mapped(), snapshot(db) as connection:
        return tuple(row.item for row in assess_rows(connection, shape, version, keys).work if row.need == "ask")


def _unjudged(
    connection: Connection, shape: Shape, version: str, keys: Sequence[Key], share: FailureShare
) -> list[Candidate]:
    query = sql.SQL(_SQL["unjudged"]).format(judged=judged_cte(shape))
    unjudged: list[Candidate] = []

    def read(first: int, last: int) -> None:
        rows = connection.execute(query, candidate_values(shape, version, keys[first : last + 1])).fetchall()
        unjudged.extend(Candidate(keys[first + n - 1], entity_key) for n, entity_key in rows)

    bisected(connection, 0, len(keys) - 1, read, share)  # a row that cannot be computed is no candidate
    return unjudged


def _pool(connection: Connection, shape: Shape, version: str) -> tuple[sql.Composed, dict[str, object]]:
    """The query for the keys of the rows to read, and its values."""
    digest = sha256(version.encode())
    values: dict[str, object] = {"seed": version, "number": int.from_bytes(digest.digest()[:4]), "most": _MOST}
    source = fragments.relation(shape.source)
    scope = _rows_planned(connection, source, fragments.in_scope(shape))
    if scope <= _MOST:
        return _of_source(shape, source, bound=False), values
    if shape.source.kind in _WITH_BLOCKS:
        return _of_source(shape, _some_blocks(source), bound=False), {**values, "percent": 100 * _MOST / scope}
    if (target := _target_with_blocks(shape)) is None:
        return _of_source(shape, source, bound=True), values
    rows = _rows_planned(connection, fragments.relation(target), sql.SQL("true"))
    return _of_target(shape, target), {**values, "percent": min(100.0, 100 * _MOST / max(rows, 1))}


def _target_with_blocks(shape: Shape) -> Relation | None:
    """The target, if every row of the source has a row in it."""
    return shape.target if shape.target is not None and not shape.inserts else None


def _of_source(shape: Shape, rows: sql.Composable, *, bound: bool) -> sql.Composed:
    keys, scope = fragments.source_key(shape), fragments.in_scope(shape)
    return _query(shape, keys, fragments.entity_key(shape), rows, scope, bound=bound)


def _of_target(shape: Shape, target: Relation) -> sql.Composed:
    keys = [fragments.name(target.schema, target.name, key.name) for key in shape.target_key]
    place = sql.SQL("concat_ws('|', {})").format(fragments.commas(fragments.as_text(keys)))
    return _query(shape, keys, place, _some_blocks(fragments.relation(target)), sql.SQL("true"), bound=False)


def _query(
    shape: Shape,
    keys: Sequence[sql.Composable],
    place: sql.Composable,
    rows: sql.Composable,
    scope: sql.Composable,
    *,
    bound: bool,
) -> sql.Composed:
    names = [sql.Identifier(f"waves_{name}") for name in fragments.numbered("k", shape.key)]
    texts = zip(fragments.as_text(keys), names, strict=True)
    return sql.SQL(_SQL["pool"]).format(
        names=fragments.commas(names),
        keys=fragments.commas(sql.SQL("{} AS {}").format(text, name) for text, name in texts),
        entity_key=place,
        rows=rows,
        in_scope=scope,
        bound=sql.SQL(_SQL["first_rows"]) if bound else sql.SQL(""),
    )


def _some_blocks(relation: sql.Composable) -> sql.Composed:
    return sql.SQL(_SQL["some_blocks"]).format(relation=relation)


def _rows_planned(connection: Connection, relation: sql.Composable, scope: sql.Composable) -> int:
    return planned_rows(connection, sql.SQL(_SQL["planned"]).format(relation=relation, in_scope=scope), {})
