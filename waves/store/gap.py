"""The gap: which rows need work. Read-only until rows are restored; the cost grows with the wave, not with the table.

Tier 1 holds the rows without a verdict of the active version, tier 2 the rows that were edited since their verdict. A
row whose accepted verdict the target does not show is restored without a request. In tier 1, rows that were asked
before without success come after all others: such a row may never get an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waves.store import faults
from waves.store.merge.restore import restore
from waves.store.merge.stale import clear_stale
from waves.store.rows import candidates, drift
from waves.store.rows.census import Census, census
from waves.store.rows.reasked import ENOUGH, Reasked, too_many_reasked
from waves.store.rows.row_needs import assess_rows
from waves.store.tables import target_columns
from waves.store.transactions import FailureShare, retried, snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.models import Item
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Assessment, Key, RowNeed
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

__all__ = ["Census", "Reasked", "Taken", "census", "take"]

_CHUNK = (100, 1000)
"""Candidates that one statement assesses: at least, at most."""
_DEFAULT_RESTORES = 5_000
"""Rows restored at most if the search for edits is off: without it they would wait indefinitely."""
_LOOKAHEAD = 2_000
"""Once there are enough items, the search of a branch ends after this many candidates in a row of which none is
restored: rows that are free do not wait behind a long queue or a closed gate."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`restored`: rows written back (in a dry run: that would be). `exhausted`: no row that was found is left for
    another take. `cleared`: rows that no longer show a verdict about another content. `unreadable`: keys of rows that
    PostgreSQL cannot compute, each with the error's name; `withheld`: the number of rows whose verdict is of an
    abandoned pilot; `reasked`: done rows that changed, if they are too many to be asked again without a person. All
    three stay in the gap until a person acts. `waiting`: the rows that failed before and are asked after a pause."""

    items: tuple[Item, ...]
    restored: int
    exhausted: bool
    unreadable: Mapping[Key, str] = field(default_factory=dict)
    withheld: int = 0
    cleared: int = 0
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
        selection, search = _Selection(keys, drift_rows or _DEFAULT_RESTORES), _EditSearch(drift_rows)
        with snapshot(db) as connection:
            exhausted = _select_unjudged(connection, shape, version, selection)
            if exhausted:
                exhausted = _select_edited(connection, shape, version, selection, search)
            reasked = _hold_back(connection, shape, selection, search, max_reasked_rate)
        restored, cleared = len(selection.restorable), len(selection.stale)
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
        cleared=cleared,
        reasked=reasked,
        waiting=len(selection.waiting),
    )


@dataclass(slots=True)
class _Selection:
    """The rows selected so far, by entity key. `deferred` are items that were asked before without success."""

    keys: int
    restores: int
    items: dict[str, Item] = field(default_factory=dict)
    deferred: dict[str, Item] = field(default_factory=dict)
    restorable: dict[str, Key] = field(default_factory=dict)
    unreadable: dict[Key, str] = field(default_factory=dict)
    share: FailureShare = field(default_factory=FailureShare)
    withheld: set[Key] = field(default_factory=set)
    stale: dict[Key, None] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    @property
    def chunk(self) -> int:
        return max(_CHUNK[0], min(_CHUNK[1], self.keys))

    @property
    def full(self) -> bool:
        return len(self.items) >= self.keys

    def has(self, entity_key: str) -> bool:
        return entity_key in self.items or entity_key in self.restorable

    def has_room(self, row: RowNeed) -> bool:
        return not self.full if row.need == "ask" else len(self.restorable) < self.restores

    def defer(self, item: Item) -> None:
        if len(self.deferred) < self.keys:
            self.deferred[item.entity_key] = item

    def add_deferred(self) -> bool:
        """Returns whether there is room for more."""
        for entity_key, item in self.deferred.items():
            if not self.full:
                self.items[entity_key] = item
        return not self.full

    def set_aside(self, assessment: Assessment) -> None:
        """The rows that a person has to do something about, and those to clear."""
        self.stale.update(dict.fromkeys(assessment.stale))
        self.unreadable.update(assessment.unreadable)
        self.withheld.update(assessment.withheld)

    def add(self, row: RowNeed, key: Key) -> None:
        if row.need == "ask":
            self.items[row.item.entity_key] = row.item
        else:
            self.restorable[row.item.entity_key] = key


@dataclass(slots=True)
class _EditSearch:
    """The progress of tier 2: `cursor` is the last position before the first row that still needs work, after which it
    is `pinned`; at most `rows` rows are read. `edited` and `unchanged` count the done rows that were looked at; `taken`
    are those that were selected to be asked again. `read_all`: no row to look at is left."""

    rows: int
    cursor: drift.Position | None = None
    pinned: bool = False
    edited: int = 0
    unchanged: int = 0
    read_all: bool = False
    taken: list[str] = field(default_factory=list)

    def pin(self, chunk: Sequence[drift.Position], n: int) -> None:
        self.pass_by(chunk, n)
        self.pinned = True

    def pass_by(self, chunk: Sequence[drift.Position], count: int) -> None:
        """The first `count` positions of a chunk no longer need work."""
        if count and not self.pinned:
            self.cursor = chunk[count - 1]


def _select_unjudged(connection: Connection, shape: Shape, version: str, selection: _Selection) -> bool:
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
                elif row.need == "ask" and row.tried:
                    selection.defer(row.item)
                elif selection.has_room(row):
                    selection.add(row, chunk[row.n])
                elif row.need == "restore":
                    return False
            since_restorable = 0 if len(selection.restorable) > restorable else since_restorable + len(chunk)
            if selection.full and since_restorable >= _LOOKAHEAD:
                break
    return selection.add_deferred()


def _select_edited(
    connection: Connection, shape: Shape, version: str, selection: _Selection, search: _EditSearch
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
    row: RowNeed, chunk: Sequence[drift.Position], key: Key, selection: _Selection, search: _EditSearch
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
    connection: Connection, shape: Shape, selection: _Selection, search: _EditSearch, most: float
) -> Reasked | None:
    """Takes the edited rows out of the selection if they are too many to be asked again without a person."""
    seen = (search.edited, search.unchanged)
    reasked = too_many_reasked(connection, shape, *seen, read_all=search.read_all, most=most)
    for entity_key in search.taken if reasked else ():
        del selection.items[entity_key]
    return reasked


def _store_cursor(db: Database, shape: Shape, search: _EditSearch) -> None:
    cursor = search.cursor
    if cursor is not None:
        retried(db, lambda connection: drift.move_cursor(connection, shape, cursor))
