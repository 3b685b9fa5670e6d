"""Gold: items with the verdicts of people.

An entry without an input of its own is the row of its key, read from the source as prepare would take it. With an input
it is asked as it stands there, and no table is needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from waves.config.rubric import Rubric
from waves.errors import BadDataError
from waves.learn.evaluation.gold.entries import GoldEntry, duplicate_error, read_entries
from waves.learn.evaluation.gold.expected import expected_output
from waves.models import Item
from waves.spool.sealed import canonical
from waves.steps.session.session import Session
from waves.store.rubrics import evaluations

SHOWN = 5
"""Ids that a report names, of missing rows and of items without an answer."""


@dataclass(frozen=True, slots=True)
class Gold:
    """What there is to ask, and an entry for each item; `missing` are the keys that the source has no row of. `whole`:
    not cut to a limit."""

    items: tuple[Item, ...]
    entries: tuple[GoldEntry, ...]
    missing: tuple[str, ...] = ()
    whole: bool = True

    @property
    def digest(self) -> str:
        """Of questions and expectations together: results on other gold cannot be compared."""
        known = [[*item.identity, entry.verdict] for item, entry in zip(self.items, self.entries, strict=True)]
        return sha256(canonical(known)).hexdigest()

    def expected(self, rubric: Rubric) -> list[dict[str, Any]]:
        """The right answer to each item, in the rubric's fields. BadDataError for a verdict that the rubric cannot
        give."""
        return [expected_output(entry, rubric) for entry in self.entries]

    def first(self, limit: int | None) -> Gold:
        whole = limit is None or limit >= len(self.items)
        return Gold(self.items[:limit], self.entries[:limit], self.missing, whole)


def read_gold(session: Session) -> Gold:
    """All gold of the theme, in an order that depends on the keys alone and mixes the labels: neighbours in a batch are
    as unrelated as the rows of a wave. BadDataError where nothing is left to ask."""
    gold = read_entries(session)
    pairs, missing = _with_items(session, gold.entries)
    if not pairs:
        reason = f": none of its {len(missing)} rows is in the source" if missing else " and is empty"
        raise BadDataError(f"{gold.source} holds no gold that can be asked{reason}", "Give lines whose rows exist.")
    pairs.sort(key=lambda pair: sha256(pair[0].entity_key.encode()).digest())
    return Gold(tuple(item for item, _ in pairs), tuple(entry for _, entry in pairs), tuple(missing))


def _with_items(session: Session, entries: Sequence[GoldEntry]) -> tuple[list[tuple[Item, GoldEntry]], list[str]]:
    """The entries with their items, and the ids whose row is not in the source."""
    pairs = [(_own_item(session, entry), entry) for entry in entries if entry.input is not None]
    of_rows = [entry for entry in entries if entry.input is None]
    if not of_rows:
        return pairs, []
    _require_key_width(session, of_rows)
    rows = evaluations.rows_by_key(session.db, session.shape, [entry.key for entry in of_rows])
    seen: dict[str, GoldEntry] = {}
    for number, item in sorted(rows.items()):
        entry = of_rows[number]
        if (first := seen.setdefault(item.entity_key, entry)) is not entry:
            raise duplicate_error(first, entry)  # `1` and `01` are one number to PostgreSQL
        pairs.append((item, entry))
    missing = [", ".join(entry.key) for number, entry in enumerate(of_rows) if number not in rows]
    return pairs, missing


def _require_key_width(session: Session, entries: Sequence[GoldEntry]) -> None:
    columns = session.theme.source.key
    for entry in entries:
        if len(entry.key) != len(columns):
            raise BadDataError(
                f"{entry.where}: its id has {len(entry.key)} values, but source.key has {len(columns)} columns",
                f"Give a value for each of {', '.join(columns)}, as a list if there are several.",
            )


def _own_item(session: Session, entry: GoldEntry) -> Item:
    columns, given = session.theme.source.input, entry.input or {}
    unknown = sorted(set(given) - set(columns))
    if unknown:
        raise BadDataError(
            f"{entry.where}: input has {unknown[0]!r}, which source.input lacks", f"Inputs: {', '.join(columns)}."
        )
    texts = {column: given.get(column) for column in columns}
    key = entry.key[0] if len(entry.key) == 1 else json.dumps(list(entry.key), ensure_ascii=False)
    return Item(key, sha256(canonical(list(texts.values()))).hexdigest(), texts)
