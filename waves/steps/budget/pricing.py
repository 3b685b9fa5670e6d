"""Calls of a journal → entries of the ledger with their costs, at the prices of the backend that each was sent through.

A call whose price is unknown is priced later, once `prices` in waves.yaml or a newer price table names its model. A
cost that is known never changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from waves.calls import Call
from waves.config.project import BackendConfig
from waves.quota import prices
from waves.quota.prices import cost
from waves.steps.session.session import Session
from waves.store.tables import ledger
from waves.store.tables.ledger import LedgerEntry


def price_calls(session: Session, calls: Iterable[Call]) -> list[LedgerEntry]:
    """The calls as the ledger takes them."""
    entries = []
    for call in calls:
        backend = _backend(session, call.sent.backend, call.sent.model)
        price = cost(call, backend)
        entries.append(LedgerEntry(call, price.usd, price.table, backend.traits.takes_submissions))
    return entries


def price_unpriced_calls(session: Session) -> None:
    """Price the theme's answers whose price was unknown when they came, as far as it is known now."""
    for name, model in ledger.unpriced_models(session.db, session.theme.theme_id):
        backend = _backend(session, name, model)
        if not prices.known(backend, model):
            continue
        costs = []
        for answer in ledger.unpriced_answers(session.db, session.theme.theme_id, name, model):
            price = prices.price(backend, model, answer.usage, answer.sent_at)
            if price.usd is not None:
                costs.append((answer.call_id, price.usd, price.table))
        ledger.set_costs(session.db, costs)
        session.log.write("priced", backend=name, model=model, answers=len(costs))


def _backend(session: Session, name: str, model: str) -> BackendConfig:
    """The backend that a call was sent through. One that waves.yaml no longer names has the prices of the table."""
    if name == session.backend.name:
        return session.backend
    return session.project.backends.get(name) or BackendConfig(name, "anthropic", (model,))
