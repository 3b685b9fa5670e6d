"""The sums of the ledger by day, theme, model or backend, and the cost of an item so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from waves.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from waves.store.connect import Database

GroupBy = Literal["day", "theme", "model", "backend"]

_SQL = queries.load("spend.sql")


@dataclass(frozen=True, slots=True)
class SpendLine:
    """The requests of one day, theme, model or backend, or of all (`name` is None). A sum is None if one of its
    answers did not report the number, or had no price: `unpriced` counts those. Requests that were maybe paid are in no
    cost; `maybe_paid_usd` is their reserve."""

    name: str | None
    requests: int
    paid: int
    maybe_paid: int
    input_tokens: int | None
    output_tokens: int | None
    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None
    cache_read_tokens: int | None
    cost_usd: float | None
    unpriced: int
    maybe_paid_usd: float | None
    price_tables: list[str]


@dataclass(frozen=True, slots=True)
class CostPerItem:
    """The mean cost of an item of closed waves, None if there are none; `items` is the number of items behind it."""

    usd: float | None
    items: int


def report(db: Database, by: GroupBy, theme_id: str | None, since: date | None) -> list[SpendLine]:
    """A line for each name, in order, then the line for all. Days are in UTC, `since` included."""
    return db.records(SpendLine, _SQL["report"], {"by": by, "theme_id": theme_id, "since": since})


def cost_per_item(db: Database, theme_id: str, version: str, backend: str, models: Sequence[str]) -> CostPerItem:
    """The cost of waves that this rubric version ran on this backend and these models only."""
    values = {"theme_id": theme_id, "version": version, "backend": backend, "models": list(models)}
    usd, items = db.execute(_SQL["per_item"], values).fetchone() or (None, 0)
    return CostPerItem(usd, items)
