"""What a wave would cost, before it is opened: estimated from what items of its rubric have cost, else from tokens
counted on a sample, else bounded by the size of its requests. Asks no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waves.backends.prompt import Prompt, max_tokens
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.models import Item, Usage
from waves.outcomes import Ask
from waves.quota import prices
from waves.steps.budget.caps import max_request_cost
from waves.steps.session.session import Session
from waves.store.tables import spend

ENOUGH = 20
"""Items with a known cost from which the next ones can be estimated."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`usd` is an estimate or an upper bound: `text` says which. None if the price is unknown."""

    usd: float | None
    text: str


def forecast(session: Session, batches: Sequence[Sequence[Item]], items: int | None = None) -> Forecast:
    """The cost of asking for these batches once, or for `items` items of which the batches are a sample."""
    backend, model = session.backend, session.backend.models[0]
    if not batches:
        return Forecast(0.0, "it would cost nothing")
    if not prices.known(backend, model):
        return Forecast(None, f"what it would cost is unknown: no price is known for model {model}")
    asks, in_batches = [_ask(model, batch) for batch in batches], sum(map(len, batches))
    factor = 1.0 if items is None else items / in_batches
    estimate = (
        _from_history(session, items or in_batches)
        or _from_tokens(session, asks, factor)
        or _from_bytes(backend, session.rubric, asks, factor)
    )
    return Forecast(0.0, "it would cost nothing") if estimate.usd == 0 else estimate


def _from_history(session: Session, items: int) -> Forecast | None:
    backend = session.backend
    names = (session.theme.theme_id, session.rubric.version, backend.name, backend.models)
    known = spend.cost_per_item(session.db, *names)
    if known.usd is None or known.items < ENOUGH:
        return None
    usd = known.usd * items
    return Forecast(usd, f"it would cost about ${usd:.2g}, as {known.items:,} items of this rubric did")


def _from_tokens(session: Session, asks: Sequence[Ask], factor: float) -> Forecast | None:
    """By the tokens counted on the first, the middle and the last request, and the bytes of the others; times
    `factor`, because the requests may be a sample."""
    if not session.backend.traits.counts_tokens:
        return None
    from waves.backends.anthropic.token_count import count

    sample = list(dict.fromkeys((0, len(asks) // 2, len(asks) - 1)))
    counted = count(session.backend, session.rubric, [asks[number] for number in sample])
    if counted is None:
        return None
    prompt = Prompt(session.rubric, session.backend.max_tokens)
    sizes = [len(prompt.body(ask)) for ask in asks]
    tokens = sum(counted) / sum(sizes[number] for number in sample)
    answers = [max_tokens(session.rubric, ask, session.backend.max_tokens) for ask in asks]
    least = most = 0.0
    for size, longest in zip(sizes, answers, strict=True):
        # request by request: a price may depend on the length of the prompt
        least += factor * _price(session.backend, Usage(round(size * tokens), 0))
        most += factor * _price(session.backend, Usage(round(size * tokens), longest))
    return Forecast(
        most,
        f"what it would send costs about ${least:.2g}, by tokens counted on {len(sample)} requests; "
        f"with the longest answers ${most:.2g}",
    )


def _from_bytes(backend: BackendConfig, rubric: Rubric, asks: Sequence[Ask], factor: float) -> Forecast:
    usd = factor * sum(max_request_cost(backend, ask, rubric) or 0.0 for ask in asks)
    return Forecast(usd, f"it would cost at most ${usd:.2g}, by its size")


def _price(backend: BackendConfig, usage: Usage) -> float:
    return prices.price(backend, backend.models[0], usage).usd or 0.0


def _ask(model: str, batch: Sequence[Item]) -> Ask:
    return Ask("", model, tuple((str(number), item.input) for number, item in enumerate(batch, 1)))
