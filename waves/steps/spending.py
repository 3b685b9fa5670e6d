"""What a request costs, and what a fire may spend: the caps of the theme and of its backend over the ledger.

Money is reserved before a request is sent. What running fires may spend on the same caps stands in their run rows; it
is drawn there under a lock, a few requests' worth at a time, so two themes never take the same remainder.
"""

from __future__ import annotations

from functools import lru_cache

from waves.backends.prompt import Prompt, max_tokens
from waves.models import Ask, Call
from waves.project import BackendConfig
from waves.quota import prices
from waves.quota.budget import Purse, unbounded
from waves.quota.prices import Cost
from waves.rubric import Rubric
from waves.steps.opened import Opened
from waves.steps.session import Session

_TURNS, _OVERHEAD = 2, 4096
"""A `claude` process may ask twice for one answer, and adds so many tokens of its own at most to each prompt."""

_prompt = lru_cache(maxsize=8)(Prompt)


def cost(call: Call, backend: BackendConfig) -> Cost:
    """What a paid request cost; unknown where no answer came."""
    if call.paid is None:
        return Cost(None, None)
    return prices.price(backend, call.sent.model, call.paid.usage, call.sent.at)


def reserve_price(backend: BackendConfig, ask: Ask, rubric: Rubric) -> float | None:
    """More than the request can cost: no token is shorter than a byte, and no answer longer than `max_tokens`."""
    prompt, answer = len(_prompt(rubric).body(ask)), max_tokens(rubric, ask)
    if backend.kind == "claude_cli":
        prompt, answer = _TURNS * (prompt + _OVERHEAD), _TURNS * answer
    return prices.most(backend, ask.model, prompt, answer)


def purse_of(session: Session, wave: Opened) -> Purse:  # noqa: ARG001 - caps follow
    return Purse(unbounded)
