"""Every request sent, once: paid, unpaid, or maybe paid where the answer never came.

Entering a journal again changes nothing. An entry only ever learns more: a request that was in flight gets its end,
one that seemed lost turns out paid; what was paid stays paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.types.json import Jsonb

from waves.models import Usage
from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from waves.models import Call
    from waves.store.connect import Database

Fate = Literal["paid", "unpaid", "maybe_paid"]

_SQL = "ledger.sql"
_FREE_BACKEND = "rehearsal"


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars, None where the price of a request that was or may be paid is unknown. Today is the day in UTC."""

    today_usd: float | None
    total_usd: float | None


@dataclass(frozen=True, slots=True)
class RunSpend:
    """`calls` are the requests sent. A number is None where an answer that was paid did not tell it; `cost_usd` also
    where the price of one that may have been paid is unknown."""

    calls: int
    tokens: Usage
    cost_usd: float | None


def fate(call: Call) -> Fate:
    """What became of the money: a request with neither an answer nor an end may have been paid."""
    if call.paid is not None:
        return "paid"
    return "unpaid" if call.ended is not None and call.ended.fate == "unpaid" else "maybe_paid"


def settle(db: Database, theme_id: str, wave_id: str, calls: Iterable[Call]) -> set[str]:
    """Enters `calls`; the ids of those that the ledger did not have."""
    entries = [_entry(call) for call in calls]
    if not entries:
        return set()
    values = {"theme_id": theme_id, "wave_id": wave_id, "entries": Jsonb(entries)}
    rows = db.execute(queries.load(_SQL)["settle"], values)
    return {call_id for call_id, is_new in rows if is_new}


def spend(db: Database, theme_id: str) -> Spend:
    return db.records(Spend, queries.load(_SQL)["spend"], {"theme_id": theme_id})[0]


def of_run(db: Database, run_id: str) -> RunSpend:
    """What the fire `run_id` sent and what that cost, as far as its calls are settled."""
    row = db.execute(queries.load(_SQL)["of_run"], {"run_id": run_id}).fetchone()
    calls, cost, *tokens = row or (0, 0.0, 0, 0, 0, 0)
    return RunSpend(calls, Usage(*tokens), cost)


def _entry(call: Call) -> dict[str, Any]:
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
        "cache_read_tokens": usage.cache_read,
        "reserved_usd": sent.reserved_usd,
        "cost_usd": 0.0 if sent.backend == _FREE_BACKEND else None,
        "reason": storable(ended.reason) if ended and not paid else None,
        "sent_at": sent.at.isoformat(),
        "ended_at": end.at.isoformat() if end else None,
    }
