"""What a fire may still spend. A request is reserved before it is sent and settled after, so that spent and reserved
money together never exceed what the caps leave.

Pure: `Draw` says how much money is left; behind it is the ledger. A budget calls it only when its grant does not cover
the next request. Sums are kept in whole billionths of a dollar, because they are compared with a cap exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a budget may spend in total; None means no bound. `reason` names the cap that bounds it."""

    usd: float | None = None
    reason: str = ""


Draw = Callable[[float, float], Grant]
"""What the caps grant to a budget, in total: the first argument is what it has spent or reserved, the second what it
needs. Never less than the first."""


def unbounded(_held: float, _needed: float) -> Grant:
    """The draw of a fire without caps."""
    return Grant()


class Budget:
    """What a fire may still spend: the caps less what the ledger and unsettled journals hold, less what is reserved.

    Each method may be called again for the same request, and in any order: the last reported cost of a request counts,
    and a request that is released after it was settled stays settled.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._grant: Grant | None = None
        self._reserved: dict[str, int] = {}
        self._settled: dict[str, int] = {}
        self._sum = 0

    @property
    def usd(self) -> float:
        """The sum of what was spent and what is reserved."""
        return self._sum / _NANO

    def reserve(self, call_id: str, usd: float | None) -> str | None:
        """None: the request may be sent; else the reason why not. `usd` None means that its price is unknown, which is
        allowed only without a cap."""
        if call_id in self._reserved or call_id in self._settled:
            return None
        needed = self._sum + _nano(usd or 0.0)
        if not self._covers(needed):
            self._grant = self._draw(self._sum / _NANO, needed / _NANO)
        if self._grant is not None and self._grant.usd is not None:
            if usd is None:
                return f"the price of a request is unknown, and there is a cap: {self._grant.reason}"
            if not self._covers(needed):
                return self._grant.reason
        self._reserved[call_id] = _nano(usd or 0.0)
        self._sum = needed
        return None

    def settle(self, call_id: str, usd: float | None) -> None:
        """The request has ended. `usd` is its cost; None: it may have been paid, or its cost is unknown, so it counts
        with what was reserved for it."""
        before = self._reserved.pop(call_id, None)
        counted = before if before is not None else self._settled.get(call_id, 0)
        cost = counted if usd is None else _nano(usd)
        self._settled[call_id] = cost
        self._sum += cost - counted

    def release(self, call_id: str) -> None:
        """The request was not paid."""
        self._sum -= self._reserved.pop(call_id, 0)

    def _covers(self, needed: int) -> bool:
        return self._grant is not None and (self._grant.usd is None or needed <= _nano(self._grant.usd))


def _nano(usd: float) -> int:
    return round(usd * _NANO)
