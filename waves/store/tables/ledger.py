"""Every request sent, once: paid, unpaid, or maybe paid if the answer never came.

Entering a journal again changes nothing. An entry only gains information: a request that was in flight gets its end,
one that seemed lost turns out paid; a paid one stays paid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from psycopg.types.json import Jsonb

from waves.models import Usage
from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from waves.calls import Call
    from waves.store.connect import Database

Fate = Literal["paid", "unpaid", "maybe_paid"]

_SQL = queries.load("ledger.sql")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A request with the cost of its answer: None if none came, or if its price is unknown. `price_table` names the
    source of the price; `batch`: it was sent in a message batch."""

    call: Call
    cost_usd: float | None = None
    price_table: str | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars that were certainly paid, None if the price of an answer is unknown: then `unknown_models` names the
    models. Today is the day in UTC. `maybe_paid_usd` is the most that may have been paid on top, None if unknown."""

    today_usd: float | None
    total_usd: float | None
    unknown_models: list[str] = field(default_factory=list)
    maybe_paid_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class RunSpend:
    """`calls` is the number of requests sent. A token count is None if a paid answer did not report it; `cost_usd` is
    what was certainly paid, None if the price of an answer is unknown."""

    calls: int
    tokens: Usage
    cost_usd: float | None


def fate(call: Call) -> Fate:
    """Whether the request was paid: one with neither an answer nor an end may have been."""
    if call.paid is not None:
        return "paid"
    return "unpaid" if call.ended is not None and call.ended.fate == "unpaid" else "maybe_paid"


def record_calls(db: Database, theme_id: str, wave_id: str, entries: Iterable[LedgerEntry]) -> set[str]:
    """Enters requests. Returns the ids of those that the ledger did not have, or whose end it did not know."""
    rows = [_row(entry) for entry in entries]
    if not rows:
        return set()
    values = {"theme_id": theme_id, "wave_id": wave_id, "entries": Jsonb(rows)}
    changed = db.execute(_SQL["settle"], values)
    return {call_id for call_id, is_news in changed if is_news}


def theme_spend(db: Database, theme_id: str) -> Spend:
    return db.records(Spend, _SQL["spend"], {"theme_id": theme_id})[0]


def run_spend(db: Database, run_id: str) -> RunSpend:
    """The requests of the fire `run_id` and their cost, as far as they are in the ledger."""
    row = db.execute(_SQL["of_run"], {"run_id": run_id}).fetchone()
    calls, cost, *tokens = row or (0, 0.0, 0, 0, 0, 0)
    return RunSpend(calls, Usage(*tokens), cost)


def wave_cost(db: Database, wave_id: str) -> float | None:
    """US dollars that were paid for the wave over all of its runs; None if the price of an answer is unknown."""
    cost: float | None = db.scalar(_SQL["of_wave"], {"wave_id": wave_id})
    return cost


@dataclass(frozen=True, slots=True)
class UnpricedAnswer:
    """A paid answer whose tokens are known but whose price is not."""

    call_id: str
    sent_at: datetime
    usage: Usage


def unpriced_models(db: Database, theme_id: str) -> list[tuple[str, str]]:
    """The backends and models of such answers."""
    return [(backend, model) for backend, model in db.execute(_SQL["unpriced"], {"theme_id": theme_id})]


def unpriced_answers(db: Database, theme_id: str, backend: str, model: str) -> list[UnpricedAnswer]:
    values = {"theme_id": theme_id, "backend": backend, "model": model}
    rows = db.execute(_SQL["unpriced_answers"], values)
    return [UnpricedAnswer(call_id, sent_at, Usage(*tokens)) for call_id, sent_at, *tokens in rows]


def set_costs(db: Database, costs: Iterable[tuple[str, float, str | None]]) -> None:
    """Enters (call id, US dollars, price table) if the cost is still unknown."""
    rows = [{"call_id": call_id, "cost_usd": usd, "price_table": table} for call_id, usd, table in costs]
    db.execute(_SQL["price"], {"costs": Jsonb(rows)})


def unknown_models(db: Database, run_id: str) -> list[str]:
    """The models whose answers to a run have no known cost."""
    return [model for (model,) in db.execute(_SQL["unknown_models"], {"run_id": run_id})]


@dataclass(frozen=True, slots=True)
class Scope:
    """The requests that a cap counts; None means any. Days and months are in UTC."""

    theme_id: str | None = None
    backend: str | None = None
    wave_id: str | None = None
    period: Literal["day", "month"] | None = None


def spent(db: Database, scope: Scope, run_id: str, *, others: bool) -> float:
    """US dollars that count against a cap: what was paid, and the reserve of what may have been paid. For this run, or
    for all `others`."""
    return float(db.scalar(_SQL["spent"], {**asdict(scope), "run_id": run_id, "others": others}))


def claimed_by_others(db: Database, scope: Scope, run_id: str) -> float:
    """US dollars that other running fires have claimed and not booked yet; 0 for a cap on a wave: it has one fire."""
    if scope.period is None:
        return 0.0
    return float(db.scalar(_SQL["claimed"], {**asdict(scope), "run_id": run_id}))


def claim(db: Database, run_id: str, backend: str, usd: float) -> None:
    """Records the total that this run may spend on the backend."""
    db.execute(_SQL["claim"], {"run_id": run_id, "backend": backend, "usd": usd})


def lock_budget(db: Database) -> None:
    """Keeps others from reading or claiming the remaining budget until the transaction ends."""
    db.execute(_SQL["lock"])


def _row(entry: LedgerEntry) -> dict[str, Any]:
    call = entry.call
    sent, paid, ended = call.sent, call.paid, call.ended
    usage = paid.usage if paid else Usage()
    end = paid or ended
    return {
        "call_id": sent.call_id,
        "run_id": call.run_id,
        "backend": sent.backend,
        "model": sent.model,
        "fate": fate(call),
        "status": paid.status if paid else None,
        "items": len(sent.items),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_write_tokens": usage.cache_write,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "cache_read_tokens": usage.cache_read,
        "batch": entry.batch,
        "reserved_usd": sent.reserved_usd,
        "cost_usd": entry.cost_usd,
        "price_table": entry.price_table,
        "reason": storable(ended.reason) if ended and not paid else None,
        "sent_at": sent.at.isoformat(),
        "ended_at": end.at.isoformat() if end else None,
    }
