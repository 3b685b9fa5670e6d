"""The gap that a rubric version would open if it were activated. Read-only, at a bounded cost for any table size.

Small tables are counted row by row. For large tables the gap is counted while it is small; otherwise it is extrapolated
from a sample of the rows. Both are marked as estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import faults, queries
from waves.store.connect import scalar
from waves.store.rows import candidates, census
from waves.store.rows.row_needs import assess_rows, candidate_values, judged_cte
from waves.store.shape import fragments
from waves.store.transactions import FailureShare, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waves.models import Item
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("gap_estimate.sql")
_SAMPLE = 5000
"""Approximate number of rows in a sample; and of candidates that are assessed one by one."""
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class GapEstimate:
    """`to_ask` rows, and `to_restore` rows, which already have an accepted verdict on their present content. `items`
    are some of the rows to ask about. Of `sampled` rows `drifted` have changed since the active version judged them;
    None if no version is active."""

    to_ask: int
    to_restore: int
    estimated: bool
    items: tuple[Item, ...]
    sampled: int
    drifted: int | None


@dataclass(frozen=True, slots=True)
class _SampleNeeds:
    """What some rows need: the items to ask about, and the number of rows to restore. `readable` are the keys of rows
    that PostgreSQL can compute."""

    items: tuple[Item, ...]
    to_restore: int
    readable: tuple[Key, ...]


def estimate_gap(db: Database, shape: Shape, version: str, active_version: str | None) -> GapEstimate:
    """The gap of `version`, and the drift under the active version."""
    with faults.mapped(), snapshot(db) as connection:
        population = _population(connection, shape)
        keys = _sample_keys(connection, shape, population)
        sample = _needs_of(connection, shape, version, keys)
        few = _small_gap(connection, shape, version)
        needs = sample if few is None else _needs_of(connection, shape, version, few)
        scale = population / len(keys) if few is None and keys and population > _SAMPLE else 1.0
        to_ask, to_restore = round(len(needs.items) * scale), round(needs.to_restore * scale)
        small = census.planned_scope(connection, shape) <= census.SMALL
        counted = census.count_exactly(connection, shape, version) if small else None
        if counted is not None:
            to_ask, to_restore = counted.ask, counted.restore
        return GapEstimate(
            to_ask,
            to_restore,
            estimated=counted is None,
            items=needs.items,
            sampled=len(sample.readable),
            drifted=_count_drifted(connection, shape, active_version, sample.readable) if active_version else None,
        )


def _population(connection: Connection, shape: Shape) -> int:
    """The number of rows in the relation from which the sample is taken."""
    if _from_target(shape):
        return census.planned_rows(connection, sql.SQL(_SQL["planned_target"]).format(target=_target(shape)), {})
    return census.planned_scope(connection, shape)


def _sample_keys(connection: Connection, shape: Shape, population: int) -> list[Key]:
    """Keys of rows from all over the table; of all rows if it is no larger than a sample. A view has no pages to choose
    from: the target's pages stand for them, and only if the theme inserts rows there is the view read as a whole."""
    keys = fragments.target_key(shape) if _from_target(shape) else fragments.source_key(shape)
    block = "of_target" if _from_target(shape) else "of_source" if shape.source.kind in "rpm" else "of_view"
    query = sql.SQL(_SQL[block]).format(
        keys=fragments.commas(fragments.as_text(keys)),
        target=_target(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
    )
    percent = min(100.0, 100 * _SAMPLE / max(1, population))
    return connection.execute(query, {"percent": percent, "limit": 4 * _SAMPLE}).fetchall()


def _small_gap(connection: Connection, shape: Shape, version: str) -> list[Key] | None:
    """The rows without a verdict of `version` in the target; None if they are many, or if no index finds them."""
    if candidates.compares_all(shape):
        return None
    keys: list[Key] = []
    for branch in candidates.branches(shape):
        query = sql.SQL(_SQL["few"]).format(rows=branch.rows)
        values = {"theme": shape.theme_id, "version": version, "limit": _SAMPLE + 1}
        keys += connection.execute(query, values).fetchall()
        if len(keys) > _SAMPLE:
            return None
    return keys


def _needs_of(connection: Connection, shape: Shape, version: str, keys: Sequence[Key]) -> _SampleNeeds:
    items: list[Item] = []
    unreadable: set[Key] = set()
    to_restore, share = 0, FailureShare()
    for start in range(0, len(keys), _CHUNK):
        assessment = assess_rows(connection, shape, version, keys[start : start + _CHUNK], share)
        unreadable.update(assessment.unreadable)
        items += [row.item for row in assessment.work if row.need == "ask"]
        to_restore += sum(row.need == "restore" for row in assessment.work) + len(assessment.withheld)
    return _SampleNeeds(tuple(items), to_restore, tuple(key for key in keys if key not in unreadable))


def _count_drifted(connection: Connection, shape: Shape, version: str, keys: Sequence[Key]) -> int:
    """The number of these rows that `version` has judged with other content, and not as they are now."""
    query = judged_cte(shape) + sql.SQL(" ") + sql.SQL(_SQL["drifted"]).format()
    drifted = 0
    for start in range(0, len(keys), _CHUNK):
        drifted += int(scalar(connection, query, candidate_values(shape, version, keys[start : start + _CHUNK])))
    return drifted


def _from_target(shape: Shape) -> bool:
    return shape.target is not None and not shape.inserts


def _target(shape: Shape) -> sql.Composable:
    return fragments.relation(shape.target) if shape.target else sql.SQL("")
