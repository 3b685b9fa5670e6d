"""The gap: which rows need work. Read-only until rows are restored; the cost grows with the wave, not with the table.

Tier 1 holds the rows without a verdict of the active version, tier 2 the rows that were edited since their verdict. A
row whose accepted verdict the target does not show is restored without a request. In tier 1, rows that were loaded
again with another content come after new ones, and rows that were asked before without success after all others: such
a row may never get an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waves.store import faults
from waves.store.merge.restore import restore
from waves.store.merge.stale import Cleared, clear_stale
from waves.store.rows import candidates, drift
from waves.store.rows.census import Census, census
from waves.store.rows.reasked import ENOUGH, Reasked, too_many_reasked, too_many_reloaded
from waves.store.rows.row_needs import assess_rows
from waves.store.rows.selection import EditSearch, Selection
from waves.store.tables import target_columns
from waves.store.transactions import retried, snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.models import Item
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key, RowNeed
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

__all__ = ["Census", "Reasked", "Taken", "census", "take"]

_DEFAULT_RESTORES = 5_000
"""Rows restored at most if the search for edits is off: without it they would wait indefinitely."""
_LOOKAHEAD = 2_000
"""Once there are enough items, the search of a branch ends after this many candidates in a row of which none is
restored: rows that are free do not wait behind a long queue or a closed gate."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`restored`: rows written back (in a dry run: that would be). `exhausted`: no row that was found is left for
    another take. `cleared`: rows that no longer show a verdict about another content. `unreadable`: keys of rows that
    PostgreSQL cannot compute, each with the error's name; `uncleared`: keys of rows that go on showing such a verdict,
    each with the reason why the target refuses to clear it; `withheld`: the number of rows whose verdict is of an
    abandoned pilot; `reasked`: done rows that changed, if they are too many to be asked again without a person. All
    three stay in the gap until a person acts. `waiting`: the rows that failed before and are asked after a pause."""

    items: tuple[Item, ...]
    restored: int
    exhausted: bool
    unreadable: Mapping[Key, str] = field(default_factory=dict)
    withheld: int = 0
    cleared: int = 0
    uncleared: Mapping[Key, str] = field(default_factory=dict)
    reasked: Reasked | None = None
    waiting: int = 0


def take(
    db: Database,
    shape: Shape,
    version: str,
    keys: int,
    drift_rows: int,
    *,
    max_reasked_rate: float = 1.0,
    dry_run: bool = False,
    run_id: str | None = None,
) -> Taken:
    """Takes up to `keys` items of the gap by priority, except that rows asked before without success come last, and
    restores up to `drift_rows` rows (some thousand if it is 0). Reads at most `drift_rows` rows in search of edits,
    and takes none of the edited ones if they are more than the share `max_reasked_rate` of the done rows.
    ConfigurationError if a view's keys are not unique. The audit entries of restored rows carry `run_id`."""
    with faults.mapped():
        selection, search = Selection(keys, drift_rows or _DEFAULT_RESTORES), EditSearch(drift_rows)
        with snapshot(db) as connection:
            exhausted = _select_unjudged(connection, shape, version, selection)
            if exhausted:
                exhausted = _select_edited(connection, shape, version, selection, search)
            reasked = _hold_back(connection, shape, version, selection, search, max_reasked_rate)
        restored, cleared = len(selection.restorable), Cleared(len(selection.stale))
        if not dry_run:
            cleared = clear_stale(db, shape, version, list(selection.stale), run_id)
            restored = restore(db, shape, version, list(selection.restorable.values()), run_id)
            _store_cursor(db, shape, search)
            if exhausted and shape.columns_changed_at and not selection.restorable:
                target_columns.settle(db, shape.theme)
    return Taken(
        items=tuple(selection.items.values()),
        restored=restored,
        exhausted=exhausted,
        unreadable=selection.unreadable,
        withheld=len(selection.withheld),
        cleared=cleared.rows,
        uncleared=cleared.refused,
        reasked=reasked,
        waiting=len(selection.waiting),
    )


def _select_unjudged(connection: Connection, shape: Shape, version: str, selection: Selection) -> bool:
    """Tier 1. Returns whether every candidate was assessed and there is room for more."""
    values = {"theme": shape.theme_id, "version": version}
    for branch in candidates.branches(shape):
        since_restorable = 0
        for chunk in candidates.stream(connection, branch.query, values, selection.chunk):
            assessment = assess_rows(connection, shape, version, chunk, selection.share)
            selection.set_aside(assessment)
            restorable = len(selection.restorable)
            for row in assessment.work:
                if row.need == "wait":
                    selection.waiting.add(row.item.entity_key)
                elif row.need == "ask" and (row.tried or row.was_done):
                    selection.defer(row)
                elif selection.has_room(row):
                    selection.add(row, chunk[row.n])
                elif row.need == "restore":
                    selection.read_all = False
                    return False
            selection.looked_at += len(chunk)
            since_restorable = 0 if len(selection.restorable) > restorable else since_restorable + len(chunk)
            if selection.will_be_full and since_restorable >= _LOOKAHEAD:
                selection.read_all = False
                break
    return selection.add_deferred()


def _select_edited(
    connection: Connection, shape: Shape, version: str, selection: Selection, search: EditSearch
) -> bool:
    """Tier 2: rows whose content is not the one that was judged. Returns whether no row that was found is left."""
    left, exhausted = search.rows, True
    for stretch in drift.stretches(shape, drift.read_cursor(connection, shape)):
        query, values = drift.stretch_query(shape, stretch)
        for chunk in candidates.stream(connection, query, {**values, "limit": left}, selection.chunk):
            left -= len(chunk)
            keys = [drift.key_in(shape, position) for position in chunk]
            assessment = assess_rows(connection, shape, version, keys, selection.share)
            selection.set_aside(assessment)
            search.unchanged += assessment.done
            for row in assessment.work:
                exhausted = _select_edited_row(row, chunk, keys[row.n], selection, search) and exhausted
            search.pass_by(chunk, len(chunk))
            if not exhausted and search.edited + search.unchanged >= ENOUGH:
                return False
    search.read_all = left > 0
    return exhausted


def _select_edited_row(
    row: RowNeed, chunk: Sequence[drift.Position], key: Key, selection: Selection, search: EditSearch
) -> bool:
    """Returns whether there was room for the row."""
    if selection.has(row.item.entity_key):
        return True
    if row.need == "wait":
        search.pin(chunk, row.n)
        selection.waiting.add(row.item.entity_key)
        return True
    room = selection.has_room(row)
    if row.need == "ask" or not room:
        search.pin(chunk, row.n)
    if row.need == "ask":
        search.edited += 1
    if room:
        selection.add(row, key)
        search.taken += [row.item.entity_key] if row.need == "ask" else []
    return room


def _hold_back(
    connection: Connection, shape: Shape, version: str, selection: Selection, search: EditSearch, most: float
) -> Reasked | None:
    """Takes the edited rows out of the selection if they are too many to be asked again without a person: those that
    show a verdict, and those that were loaded again with another content."""
    seen = (search.edited, search.unchanged)
    edited = too_many_reasked(connection, shape, *seen, read_all=search.read_all, most=most)
    looked_at = None if selection.read_all else selection.looked_at
    reloaded = too_many_reloaded(connection, shape, version, selection.reloaded, looked_at, most=most)
    for entity_key in [*(search.taken if edited else ()), *(selection.redone if reloaded else ())]:
        selection.items.pop(entity_key, None)
    return reloaded or edited


def _store_cursor(db: Database, shape: Shape, search: EditSearch) -> None:
    cursor = search.cursor
    if cursor is not None:
        retried(db, lambda connection: drift.move_cursor(connection, shape, cursor))
