"""What a request may cost, and what a fire may spend: the caps of the theme and of its backend over the ledger.

Money is reserved before a request is sent. A fire draws its budget from the caps in steps of a few requests, under a
lock, and its run row shows the claim: two themes never take the same remainder of a backend's cap, and a fire that was
killed keeps its claim until its journals are in the ledger. A wave's own journals are there before its budget is made:
rescue enters them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from waves.backends.prompt import Prompt, max_tokens
from waves.config.project import BackendConfig, Caps
from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.models import Ending, Item
from waves.outcomes import Ask
from waves.quota import prices
from waves.quota.budget import Budget, Draw, Grant, unbounded
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, batches_of
from waves.store.connect import Database
from waves.store.tables import ledger
from waves.store.tables.ledger import Scope

_DRAWN_AHEAD = 4
"""A fire draws from its caps the cost of this many requests for each one that it may have in flight."""
_SPANS: tuple[Literal["wave", "day", "month"], ...] = ("wave", "day", "month")
_WAIT = {"day": ", or wait for midnight UTC", "month": ", or wait for the next month"}
_NO_WAVE = ""

_prompt = lru_cache(maxsize=8)(Prompt)


def max_request_cost(backend: BackendConfig, ask: Ask, rubric: Rubric) -> float | None:
    """An upper bound in US dollars, by the bytes of the prompt and by `max_tokens`. None if the price is unknown."""
    prompt = _prompt(rubric, backend.max_tokens).most_tokens(ask)
    answer = max_tokens(rubric, ask, backend.max_tokens)
    traits = backend.traits
    return prices.most(backend, ask.model, traits.turns * (prompt + traits.overhead_tokens), traits.turns * answer)


def open_budget(session: Session, wave: Wave) -> Budget:
    """What the fire may spend on this wave. ConfigurationError for a cap that is lower than what one request may cost,
    or a cap over a model without a known price. Without a cap, an unknown price is only logged."""
    caps = list(_caps(session, wave.wave_id))
    if not caps:
        unknown = [model for model in session.backend.models if not prices.known(session.backend, model)]
        if unknown:
            session.log.write("price_unknown", models=", ".join(unknown))
        return Budget(unbounded)
    batches = batches_of(wave.manifest.items, session.limits.batch_size)
    request = _max_batch_cost(session.backend, caps, batches, wave.rubric)
    return Budget(_draw_from(session, caps, step=request * session.limits.parallel * _DRAWN_AHEAD))


def over_budget_ending(session: Session, ask: Ask | None = None) -> Ending | None:
    """The ending of a fire that finds a cap used up before it opens a wave. None if `ask` fits under the caps, by
    default the smallest possible request."""
    caps = list(_caps(session, _NO_WAVE))
    if not caps:
        return None
    request = _max_batch_cost(session.backend, caps, [()], session.rubric)
    if ask is not None:
        request = max_request_cost(session.backend, ask, session.rubric) or request
    for cap in caps:
        own = ledger.spent(session.db, cap.scope, session.run_id, others=False)
        spent = own + _spent_by_others(session.db, session.run_id, cap)
        if cap.usd - spent < request:
            return Ending("over_budget", _cap_reached(cap, spent))
    return None


# --- caps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `usd` US dollars for all requests in `scope`. `name` is what an operator calls the cap; `remedy` says how
    to raise it, `wait` when it renews by itself."""

    usd: float
    scope: Scope
    name: str
    remedy: str
    wait: str


def _caps(session: Session, wave_id: str) -> Iterator[Cap]:
    """The caps of the theme and those of its backend."""
    limits, backend, theme_id = session.limits, session.backend, session.theme.theme_id
    of_theme = Caps(limits.cap_usd_wave, limits.cap_usd_day, limits.cap_usd_month)
    for span in _SPANS:
        period, wave = (None, wave_id) if span == "wave" else (span, None)
        for caps, scope, name, file in (
            (of_theme, Scope(theme_id, None, wave, period), f"cap_usd_{span} of theme {theme_id}", "theme_config"),
            (backend.caps, Scope(None, backend.name, wave, period), f"caps.{span} of {backend.name}", "waves.yaml"),
        ):
            usd = getattr(caps, span)
            if usd is not None:
                yield Cap(usd, scope, name, f"raise it in {file}", _WAIT.get(span, ""))


def _max_batch_cost(
    backend: BackendConfig, caps: Sequence[Cap], batches: Iterable[Sequence[Item]], rubric: Rubric
) -> float:
    """What the most expensive request of these batches may cost. ConfigurationError if the price of a model is unknown,
    or if a cap is lower than this: then no fire could ever send that request."""
    for model in backend.models:
        if not prices.known(backend, model):
            raise ConfigurationError(
                f"{caps[0].name} is set, but no price is known for model {model}",
                f"Give `prices: {{{model}: {{input: …, output: …}}}}` of backend {backend.name} in waves.yaml.",
            )
    cost = max(_batch_cost(backend, batch, rubric) for batch in batches)
    lowest = min(caps, key=lambda cap: cap.usd)
    if lowest.usd < cost:
        raise ConfigurationError(
            f"{lowest.name} is ${lowest.usd:g}, and one request may cost ${cost:.2g}",
            f"{lowest.remedy[0].upper()}{lowest.remedy[1:]}, or lower batch_size.",
        )
    return cost


def _batch_cost(backend: BackendConfig, batch: Sequence[Item], rubric: Rubric) -> float:
    items = tuple((str(number), item.input) for number, item in enumerate(batch, 1))
    costs = (max_request_cost(backend, Ask("", model, items), rubric) for model in backend.models)
    return max(usd for usd in costs if usd is not None)


def _draw_from(session: Session, caps: Sequence[Cap], step: float) -> Draw:
    """Draws the budget of a wave, `step` US dollars ahead, from what the ledger and the claims of other fires leave of
    the caps. What the fire has spent on earlier waves is no part of this budget, so it is added to the claim."""
    booked = {cap: ledger.spent(session.db, cap.scope, session.run_id, others=False) for cap in caps}
    earlier = ledger.spent(session.db, Scope(backend=session.backend.name), session.run_id, others=False)

    def draw(held: float, wanted: float) -> Grant:
        with session.db.transaction():
            ledger.lock_budget(session.db)
            left = {cap: cap.usd - booked[cap] - _spent_by_others(session.db, session.run_id, cap) for cap in caps}
            tightest = min(caps, key=left.__getitem__)
            granted = max(held, min(wanted + step, left[tightest]))
            ledger.claim(session.db, session.run_id, session.backend.name, earlier + granted)
        return Grant(granted, _cap_reached(tightest, tightest.usd - left[tightest] + held))

    return draw


def _spent_by_others(db: Database, run_id: str, cap: Cap) -> float:
    """What other runs have spent under the cap or claim of it."""
    return ledger.spent(db, cap.scope, run_id, others=True) + ledger.claimed_by_others(db, cap.scope, run_id)


def _cap_reached(cap: Cap, spent: float) -> str:
    return f"{cap.name} is reached: ${spent:.4g} of ${cap.usd:g} are spent or reserved; {cap.remedy}{cap.wait}"
