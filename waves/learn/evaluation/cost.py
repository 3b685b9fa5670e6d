"""What a setting took: money, tokens and time, from the journals of its evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from waves.calls import Call
from waves.config.project import BackendConfig
from waves.quota.prices import cost

CLASSES = ("input", "output", "cache_write", "cache_read")


def expense(calls: Iterable[Call], backend: BackendConfig, items: int) -> dict[str, Any]:
    """Of all answers that were paid, second tries included. None where something of it is unknown, never 0. The time
    of a request is from its line `sent` to its line `paid`, so what waits in the same batch waits with it."""
    paid = [call for call in calls if call.paid is not None]
    usd = _sum([cost(call, backend).usd for call in paid])
    tokens = {name: _sum([getattr(call.paid.usage, name) for call in paid if call.paid]) for name in CLASSES}
    counted = [tokens["input"], tokens["output"]]
    known = [*counted, *(tokens[name] or 0 for name in ("cache_write", "cache_read"))]  # not every provider has a cache
    total = None if None in counted else _sum(known)
    seconds = sum((call.paid.at - call.sent.at).total_seconds() for call in paid if call.paid)
    return {
        "requests": len(paid),
        "cost_usd": usd,
        "cost_usd_per_item": None if usd is None else usd / items,
        "tokens": tokens,
        "tokens_per_item": None if total is None else total / items,
        "seconds_per_item": seconds / items,
    }


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
