"""The lines of a journal, and a request as its lines describe it.

Frozen values, as in `models`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from waves.models import Usage


@dataclass(frozen=True, slots=True)
class Sent:
    """Journal: a request is about to go out. `items` are (short id, entity key, input hash)."""

    call_id: str
    version: str
    model: str
    backend: str
    items: tuple[tuple[str, str, str], ...]
    strict: bool
    reserved_usd: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paid:
    """Journal: an answer arrived and was paid for."""

    call_id: str
    status: int
    usage: Usage
    raw: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """Journal: a request ended without an answer. `unpaid`: certainly not charged (an error status, no connection);
    `maybe_paid`: the provider may have processed it (timeout, reset, interrupted by us); `worker_lost`: our worker died
    with it."""

    call_id: str
    fate: Literal["unpaid", "maybe_paid", "worker_lost"]
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """Journal: these requests, in this order, are about to be handed over together. `intent` is 16 hex digits that each
    of them carries to the provider; `at` is by the provider's clock, if it reported the time."""

    intent: str
    backend: str
    calls: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """Journal: the provider has accepted the requests of an intent under this id."""

    intent: str
    batch_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One request by its journal: `paid` or `ended`, or neither if the runner died while it was in flight."""

    sent: Sent
    run_id: str
    paid: Paid | None = None
    ended: Ended | None = None

    @property
    def over_at(self) -> datetime:
        """When it came back; for one that never did, when it was sent."""
        return (self.paid or self.ended or self.sent).at
