"""What a wave would cost, before it is opened: from what its rubric's items have cost, else from tokens counted on a
sample, else at most by the bytes of its requests. Asks no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waves.backends.prompt import Prompt, max_tokens
from waves.models import Item, Usage
from waves.outcomes import Ask
from waves.quota import prices
from waves.steps.budget.caps import reserve_price
from waves.steps.session.session import Session
from waves.store.tables import spend

ENOUGH = 20
"""Items whose cost is known; fewer say little about the next ones."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`usd` is the best guess, or the most that it can be: `text` says which. None: nobody knows the price."""

    usd: float | None
    text: str


def forecast(session: Session, batches: Sequence[Sequence[Item]], items: int | None = None) -> Forecast:
    """The cost of asking for these batches once; for so many `items`, where the batches are only a sample of them."""
    backend, model = session.backend, session.backend.models[0]
    if not batches:
        return Forecast(0.0, "it would cost nothing")
    if not prices.known(backend, model):
        return Forecast(None, f"what it would cost is unknown: no price is known for model {model}")
    asks, given = [_ask(model, batch) for batch in batches], sum(map(len, batches))
    share = 1.0 if items is None else items / given
    found = (
        _from_history(session, items or given)
        or _from_tokens(session, asks, share)
        or _from_bytes(session, asks, share)
    )
    return Forecast(0.0, "it would cost nothing") if found.usd == 0 else found


def _from_history(session: Session, items: int) -> Forecast | None:
    backend = session.backend
    names = (session.theme.theme_id, session.rubric.version, backend.name, backend.models)
    known = spend.per_item(session.db, *names)
    if known.usd is None or known.items < ENOUGH:
        return None
    usd = known.usd * items
    return Forecast(usd, f"it would cost about ${usd:.2g}, as {known.items:,} items of this rubric did")


def _from_tokens(session: Session, asks: Sequence[Ask], share: float) -> Forecast | None:
    """Tokens counted on the first, the middle and the last request; the others by their bytes. `share` is how many
    times as much there is in all."""
    if not session.backend.traits.counts_tokens:
        return None
    from waves.backends.anthropic.token_count import count

    sample = list(dict.fromkeys((0, len(asks) // 2, len(asks) - 1)))
    counted = count(session.backend, session.rubric, [asks[number] for number in sample])
    if counted is None:
        return None
    prompt = Prompt(session.rubric)
    sizes = [len(prompt.body(ask)) for ask in asks]
    tokens = sum(counted) / sum(sizes[number] for number in sample)
    answers = [max_tokens(session.rubric, ask) for ask in asks]
    least = most = 0.0
    for size, longest in zip(sizes, answers, strict=True):
        # one by one: a price may depend on the length of the prompt
        least += share * _price(session, Usage(round(size * tokens), 0))
        most += share * _price(session, Usage(round(size * tokens), longest))
    return Forecast(
        most,
        f"what it would send costs about ${least:.2g}, by tokens counted on {len(sample)} requests; "
        f"with the longest answers ${most:.2g}",
    )


def _from_bytes(session: Session, asks: Sequence[Ask], share: float) -> Forecast:
    usd = share * sum(reserve_price(session.backend, ask, session.rubric) or 0.0 for ask in asks)
    return Forecast(usd, f"it would cost at most ${usd:.2g}, by its size")


def _price(session: Session, usage: Usage) -> float:
    return prices.price(session.backend, session.backend.models[0], usage).usd or 0.0


def _ask(model: str, batch: Sequence[Item]) -> Ask:
    return Ask("", model, tuple((str(number), item.input) for number, item in enumerate(batch, 1)))
