"""Clears target rows that show a verdict about another content than theirs: they were given up for the present one. A
value that somebody else wrote since stays. In bounded chunks, each in a transaction of its own, each audited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries
from waves.store.faults import refusal_name
from waves.store.merge import merge, statements
from waves.store.rows.row_needs import candidate_values, judged_cte
from waves.store.shape import fragments
from waves.store.transactions import bisected, in_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("stale.sql")


@dataclass(frozen=True, slots=True)
class Cleared:
    """`rows`: the number of rows that were cleared. `refused`: keys of rows that the target does not let be cleared,
    each with the database's reason."""

    rows: int = 0
    refused: Mapping[Key, str] = field(default_factory=dict)


def clear_stale(db: Database, shape: Shape, version: str, keys: Sequence[Key], run_id: str | None) -> Cleared:
    """Sets the target columns of those rows of `keys` that are still stale to their defaults. A row that the target
    does not let be cleared stays as it is."""
    refused: dict[Key, str] = {}
    rows = in_chunks(db, keys, partial(_clear, shape=shape, version=version, run_id=run_id, refused=refused))
    return Cleared(rows, refused)


def _clear(
    connection: Connection,
    *,
    shape: Shape,
    version: str,
    keys: Sequence[Key],
    run_id: str | None,
    refused: dict[Key, str],
) -> int:
    if merge.lock_active_version(connection, shape) != version:
        return 0
    merge.lock_candidates(connection, shape, candidate_values(shape, version, keys))
    query, cleared = _statement(shape), 0
    bound = {
        "run": run_id,
        "reason": f"cleared: it was about another text, and {version} has no verdict about this one",
    }

    def act(low: int, high: int) -> None:
        nonlocal cleared
        values = {**candidate_values(shape, version, keys[low : high + 1]), **bound}
        cleared += connection.execute(query, values).rowcount

    offenders = bisected(connection, 0, len(keys) - 1, act)
    refused.update({keys[n]: refusal_name(error) for n, error in offenders.items()})
    return cleared


def _statement(shape: Shape) -> sql.Composed:
    if shape.target is None:
        raise ValueError("a theme without a target shows no verdict")
    names = [column.name for _, column in shape.columns]
    also = sql.SQL(", {} AS before_json").format(statements.target_json(shape))
    return judged_cte(shape, also) + sql.SQL(_SQL["clear"]).format(
        keys=fragments.key_columns(shape),
        column=fragments.literal(names[0]),
        target=fragments.relation(shape.target),
        defaults=fragments.commas(sql.SQL("{} = DEFAULT").format(fragments.name(name)) for name in names),
        same_key=fragments.equal(fragments.target_key(shape), fragments.key_of("r", shape)),
        after=statements.target_json(shape),
    )
