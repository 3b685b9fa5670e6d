"""The gap: which rows need work. Read-only until rows are restored; the cost grows with the wave, not with the table.

Tier 1 are rows without a verdict of the active version, tier 2 rows that were edited since. A row whose accepted
verdict the target does not show is restored without asking anybody. A row of tier 1 that was asked in vain before comes
after all others of that tier: it may be one that never gets an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waves.store import faults
from waves.store.merge.restore import restore
from waves.store.rows import candidates, drift
from waves.store.rows.census import Census, census
from waves.store.rows.row_needs import assess_rows
from waves.store.transactions import retried, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waves.models import Item
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key, RowNeed
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

__all__ = ["Census", "Taken", "census", "take"]

_CHUNK = (100, 1000)
"""Candidates that are judged by one statement: at least, at most."""
_RESTORED_ANYWAY = 5_000
"""Rows that are restored where nobody wants a search for edits: else they would wait for ever."""
_LOOKAHEAD = 2_000
"""Once there are enough items, so many candidates of a branch in a row are looked at for one that is restored free:
what waits behind a long queue, or a shut gate, does not wait with it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`restored`: rows written back (in a dry run: that would be). `exhausted`: nothing that was found is left for
    another take. `unreadable`: rows that PostgreSQL cannot compute; they stay in the gap."""

    items: tuple[Item, ...]
    restored: int
    exhausted: bool
    unreadable: int = 0


def take(
    db: Database,
    shape: Shape,
    version: str,
    keys: int,
    drift_rows: int,
    *,
    dry_run: bool = False,
    run_id: str | None = None,
) -> Taken:
    """Up to `keys` items of the gap, in the order of their priority but for those that were asked in vain before, and
    up to `drift_rows` rows restored (where it is 0: some thousand). Reads at most `drift_rows` rows in search of edits.
    ConfigurationError where a view's keys are not unique. `run_id` stands in the audit log of what is restored."""
    with faults.mapped():
        harvest, edits = _Harvest(keys, drift_rows or _RESTORED_ANYWAY), _Edits(drift_rows)
        with snapshot(db) as connection:
            exhausted = _unjudged(connection, shape, version, harvest)
            if exhausted:
                exhausted = _edited(connection, shape, version, harvest, edits)
        restored = len(harvest.restorable)
        if not dry_run:
            restored = restore(db, shape, version, list(harvest.restorable.values()), run_id)
            _remember(db, shape, edits)
    return Taken(tuple(harvest.items.values()), restored, exhausted, len(harvest.unreadable))


@dataclass(slots=True)
class _Harvest:
    """What was found so far, by entity key."""

    keys: int
    restores: int
    items: dict[str, Item] = field(default_factory=dict)
    put_off: dict[str, Item] = field(default_factory=dict)
    restorable: dict[str, Key] = field(default_factory=dict)
    unreadable: set[Key] = field(default_factory=set)

    @property
    def chunk(self) -> int:
        return max(_CHUNK[0], min(_CHUNK[1], self.keys))

    @property
    def full(self) -> bool:
        return len(self.items) >= self.keys

    def knows(self, entity_key: str) -> bool:
        return entity_key in self.items or entity_key in self.restorable

    def has_room(self, finding: RowNeed) -> bool:
        return not self.full if finding.need == "ask" else len(self.restorable) < self.restores

    def put_off_for_now(self, item: Item) -> None:
        if len(self.put_off) < self.keys:
            self.put_off[item.entity_key] = item

    def take_what_was_put_off(self) -> bool:
        """→ whether there is room for more."""
        for entity_key, item in self.put_off.items():
            if not self.full:
                self.items[entity_key] = item
        return not self.full

    def add(self, finding: RowNeed, key: Key) -> None:
        if finding.need == "ask":
            self.items[finding.item.entity_key] = finding.item
        else:
            self.restorable[finding.item.entity_key] = key


@dataclass(slots=True)
class _Edits:
    """How far tier 2 came: `cursor` is the last position before the first row that still needs something; at most
    `rows` are read."""

    rows: int
    cursor: drift.Position | None = None
    pinned: bool = False

    def pin(self, chunk: Sequence[drift.Position], n: int) -> None:
        self.pass_by(chunk, n)
        self.pinned = True

    def pass_by(self, chunk: Sequence[drift.Position], count: int) -> None:
        """The first `count` positions of a chunk need nothing any more."""
        if count and not self.pinned:
            self.cursor = chunk[count - 1]


def _unjudged(connection: Connection, shape: Shape, version: str, harvest: _Harvest) -> bool:
    """Tier 1. → whether every candidate was looked at and there is room for more."""
    values = {"theme": shape.theme_id, "version": version}
    for branch in candidates.branches(shape):
        in_vain = 0
        for chunk in candidates.stream(connection, branch.query, values, harvest.chunk):
            found = assess_rows(connection, shape, version, chunk)
            harvest.unreadable.update(found.unreadable)
            restorable = len(harvest.restorable)
            for finding in found.work:
                if finding.need == "ask" and finding.tried:
                    harvest.put_off_for_now(finding.item)
                elif harvest.has_room(finding):
                    harvest.add(finding, chunk[finding.n])
                elif finding.need == "restore":
                    return False
            in_vain = 0 if len(harvest.restorable) > restorable else in_vain + len(chunk)
            if harvest.full and in_vain >= _LOOKAHEAD:
                break
    return harvest.take_what_was_put_off()


def _edited(connection: Connection, shape: Shape, version: str, harvest: _Harvest, edits: _Edits) -> bool:
    """Tier 2: rows whose content is not the one that was judged. → whether nothing that was found is left."""
    left = edits.rows
    for window in drift.stretches(shape, drift.read_cursor(connection, shape)):
        query, values = drift.stretch_query(shape, window)
        for chunk in candidates.stream(connection, query, {**values, "limit": left}, harvest.chunk):
            left -= len(chunk)
            keys = [drift.key_in(shape, position) for position in chunk]
            found = assess_rows(connection, shape, version, keys)
            harvest.unreadable.update(found.unreadable)
            for finding in found.work:
                if harvest.knows(finding.item.entity_key):
                    continue
                room = harvest.has_room(finding)
                if finding.need == "ask" or not room:
                    edits.pin(chunk, finding.n)
                if not room:
                    return False
                harvest.add(finding, keys[finding.n])
            edits.pass_by(chunk, len(chunk))
    return True


def _remember(db: Database, shape: Shape, edits: _Edits) -> None:
    cursor = edits.cursor
    if cursor is not None:
        retried(db, lambda connection: drift.move_cursor(connection, shape, cursor))
