"""What a setting costs: money, tokens and time, from the journals of its evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from waves.calls import Call
from waves.config.project import BackendConfig
from waves.quota.prices import cost

CostAxis = Literal["cost_usd_per_item", "tokens_per_item"]
"""What settings are compared by: US dollars, or tokens where prices are unknown."""

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Sums by class; None where the provider did not report one of the addends."""

    input: int | None
    output: int | None
    cache_write: int | None
    cache_read: int | None

    @property
    def total(self) -> int | None:
        """None where input or output is unknown; not every provider has a cache."""
        if self.input is None or self.output is None:
            return None
        return self.input + self.output + (self.cache_write or 0) + (self.cache_read or 0)


@dataclass(frozen=True, slots=True)
class SettingCost:
    """Of all answers that were paid, second tries included. None where any part of a figure is unknown, never 0. The
    time of a request is from its line `sent` to its line `paid`, so items of the same batch wait together. Names and
    order of the fields are those of the JSON."""

    requests: int
    cost_usd: float | None
    cost_usd_per_item: float | None
    tokens: Tokens
    tokens_per_item: float | None
    seconds_per_item: float

    def per_item(self, axis: CostAxis) -> float | None:
        return self.cost_usd_per_item if axis == "cost_usd_per_item" else self.tokens_per_item


def measure_cost(calls: Iterable[Call], backend: BackendConfig, items: int) -> SettingCost:
    paid = [(call, call.paid) for call in calls if call.paid is not None]
    usd = _sum([cost(call, backend).usd for call, _ in paid])
    tokens = Tokens(
        input=_sum([answer.usage.input for _, answer in paid]),
        output=_sum([answer.usage.output for _, answer in paid]),
        cache_write=_sum([answer.usage.cache_write for _, answer in paid]),
        cache_read=_sum([answer.usage.cache_read for _, answer in paid]),
    )
    seconds = sum((answer.at - call.sent.at).total_seconds() for call, answer in paid)
    return SettingCost(
        requests=len(paid),
        cost_usd=usd,
        cost_usd_per_item=None if usd is None else usd / items,
        tokens=tokens,
        tokens_per_item=None if tokens.total is None else tokens.total / items,
        seconds_per_item=seconds / items,
    )


def _sum(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
