"""What a take has selected of the gap so far, and how far its search for edited rows has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waves.store.transactions import FailureShare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waves.models import Item
    from waves.store.rows import drift
    from waves.store.rows.row_needs import Assessment, Key, RowNeed

_CHUNK = (100, 1000)
"""Candidates that one statement assesses: at least, at most."""


@dataclass(slots=True)
class Selection:
    """The rows selected so far, by entity key. `redone` are items without a verdict that were done with another content
    before, `deferred` are items that were asked before without success: they come after all others. Of `looked_at`
    candidates without a verdict, `reloaded` are like those in `redone`; `read_all`: there are no other candidates."""

    keys: int
    restores: int
    items: dict[str, Item] = field(default_factory=dict)
    redone: dict[str, Item] = field(default_factory=dict)
    deferred: dict[str, Item] = field(default_factory=dict)
    reloaded: int = 0
    looked_at: int = 0
    read_all: bool = True
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

    @property
    def will_be_full(self) -> bool:
        return len(self.items) + len(self.redone) >= self.keys

    def has(self, entity_key: str) -> bool:
        return entity_key in self.items or entity_key in self.restorable

    def has_room(self, row: RowNeed) -> bool:
        return not self.full if row.need == "ask" else len(self.restorable) < self.restores

    def defer(self, row: RowNeed) -> None:
        self.reloaded += row.was_done
        later = self.deferred if row.tried else self.redone
        if len(later) < self.keys:
            later[row.item.entity_key] = row.item

    def add_deferred(self) -> bool:
        """Returns whether there is room for more."""
        for entity_key, item in {**self.redone, **self.deferred}.items():
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
class EditSearch:
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
