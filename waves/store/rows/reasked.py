"""The guard before done rows are asked again in a mass, because their source changed: all of them would be paid for a
second time. It counts rows that the search for edits has looked at, so its cost does not grow with the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from waves.store.rows import candidates, census, drift

if TYPE_CHECKING:
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

ENOUGH = 2_000
"""Done rows that the search looks at before it stops, also when it can take no more of them: the share is theirs."""
_LEAST = 100
"""Of fewer done rows any share may be asked again."""


@dataclass(frozen=True, slots=True)
class Reasked:
    """Of `done` rows that were done, `edited` have changed since they were judged; `estimated`: not counted exactly."""

    edited: int
    done: int
    estimated: bool


def too_many_reasked(
    connection: Connection, shape: Shape, edited: int, unchanged: int, *, read_all: bool, most: float
) -> Reasked | None:
    """How many done rows would be asked again, if that is more than the share `most`; else None. Of the rows that the
    search has looked at, `edited` have changed and `unchanged` have not; `read_all`: no other row is left."""
    if edited <= most * _LEAST:
        return None
    found = Reasked(edited, edited + unchanged, estimated=not read_all)
    if shape.changed_type:
        found = _of_the_table(connection, shape, found)
    return found if found.done >= _LEAST and found.edited > most * found.done else None


def too_many_reloaded(
    connection: Connection, shape: Shape, version: str, reloaded: int, looked_at: int | None, *, most: float
) -> Reasked | None:
    """As `too_many_reasked`, for rows that show no verdict: they were done before, and loaded again with another
    content. `looked_at`: of so many candidates; None if there are no others."""
    if reloaded <= most * _LEAST:
        return None
    scope, estimated = census.rows_in_scope(connection, shape)
    if looked_at is not None:
        values = {"theme": shape.theme_id, "version": version}
        planned = (census.planned_rows_of(connection, branch.rows, values) for branch in candidates.branches(shape))
        reloaded = max(reloaded, round(reloaded * sum(planned) / looked_at))
    found = Reasked(reloaded, max(scope, reloaded), estimated=estimated or looked_at is not None)
    return found if found.done >= _LEAST and found.edited > most * found.done else None


def _of_the_table(connection: Connection, shape: Shape, sample: Reasked) -> Reasked:
    """With `source.changed` the search reads changed rows alone: they are compared with the whole table."""
    scope, estimated = census.rows_in_scope(connection, shape)
    if not sample.estimated:
        return Reasked(sample.edited, max(scope, sample.edited), estimated=estimated)
    query, values = drift.stretch_query(shape, drift.stretches(shape, drift.read_cursor(connection, shape))[0])
    rows = max(census.planned_rows_of(connection, query, {**values, "limit": None}), sample.done)
    return Reasked(round(rows * sample.edited / sample.done), max(scope, rows), estimated=True)
