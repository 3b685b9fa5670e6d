"""What a fire may still spend. A request is reserved before it is sent and settled after, so that what was spent and
what may yet be asked for in flight never go beyond what the caps leave.

Pure: where money is left is told by `Draw`, which the ledger stands behind. A purse asks it seldom: only when what was
granted does not cover the next request. Sums are kept in whole billionths of a dollar, because they are compared with
a cap to the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a purse may spend in all; None means that nothing bounds it. `reason` names the cap that bounds it."""

    usd: float | None = None
    reason: str = ""


Draw = Callable[[float, float], Grant]
"""What the caps grant to a purse that has spent or reserved so much in all (first) and wants it to be so much (second);
never less than the first."""


def unbounded(_held: float, _wanted: float) -> Grant:
    """The draw of a fire without caps."""
    return Grant()


class Budget:
    """What a fire may still spend: caps less what the ledger and unsettled journals say, less what is reserved.

    Each method may be called again for the same request, and after any other: the last figure of what a request cost
    counts, one that was released after it was settled stays settled.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._grant: Grant | None = None
        self._reserved: dict[str, int] = {}
        self._settled: dict[str, int] = {}
        self._sum = 0

    @property
    def usd(self) -> float:
        """What was spent or is reserved."""
        return self._sum / _NANO

    def reserve(self, call_id: str, usd: float | None) -> str | None:
        """None: the request may be sent; else the reason why not. `usd` None means that its price is unknown, which
        no cap allows."""
        if call_id in self._reserved or call_id in self._settled:
            return None
        wanted = self._sum + _nano(usd or 0.0)
        if not self._covers(wanted):
            self._grant = self._draw(self._sum / _NANO, wanted / _NANO)
        if self._grant is not None and self._grant.usd is not None:
            if usd is None:
                return f"the price of a request is unknown, and there is a cap: {self._grant.reason}"
            if not self._covers(wanted):
                return self._grant.reason
        self._reserved[call_id] = _nano(usd or 0.0)
        self._sum = wanted
        return None

    def settle(self, call_id: str, usd: float | None) -> None:
        """The request is over. `usd` is what it really cost; None: it may have been paid, or nobody knows for how
        much, so it counts with what was reserved for it."""
        before = self._reserved.pop(call_id, None)
        counted = before if before is not None else self._settled.get(call_id, 0)
        cost = counted if usd is None else _nano(usd)
        self._settled[call_id] = cost
        self._sum += cost - counted

    def release(self, call_id: str) -> None:
        """The request was not paid."""
        self._sum -= self._reserved.pop(call_id, 0)

    def _covers(self, wanted: int) -> bool:
        return self._grant is not None and (self._grant.usd is None or wanted <= _nano(self._grant.usd))


def _nano(usd: float) -> int:
    return round(usd * _NANO)
