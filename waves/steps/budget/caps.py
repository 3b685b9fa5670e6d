"""What a request costs, and what a fire may spend: the caps of the theme and of its backend over the ledger.

Money is reserved before a request is sent. What a fire may spend is drawn from its caps a few requests' worth at a
time, under a lock, and stands in its run row: so two themes never take the same remainder of a backend's cap, and a
fire that was killed keeps its claim until its journals are in the ledger. A wave's own journals are there before its
purse is made: rescue enters them first.
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
from waves.steps.session.wave import Wave
from waves.store.tables import ledger
from waves.store.tables.ledger import Scope

_AT_ONCE = 4
"""A fire draws the worth of so many requests for each of its places at a time."""
_SPANS: tuple[Literal["wave", "day", "month"], ...] = ("wave", "day", "month")
_WAIT = {"day": ", or wait for midnight UTC", "month": ", or wait for the next month"}
_NO_WAVE = ""

_prompt = lru_cache(maxsize=8)(Prompt)


def reserve_price(backend: BackendConfig, ask: Ask, rubric: Rubric) -> float | None:
    """More than the request can cost: no token is shorter than a byte, and no answer longer than `max_tokens`. None
    where the price is unknown."""
    prompt, answer = len(_prompt(rubric).body(ask)), max_tokens(rubric, ask)
    traits = backend.traits
    return prices.most(backend, ask.model, traits.turns * (prompt + traits.overhead_tokens), traits.turns * answer)


def open_budget(session: Session, wave: Wave) -> Budget:
    """What the fire may spend on this wave. Raises ConfigurationError for a cap that no request fits under, or over a
    model whose price nobody knows. Without a cap that is logged."""
    caps = list(_caps(session, wave.wave_id))
    if not caps:
        unknown = [model for model in session.backend.models if not prices.known(session.backend, model)]
        if unknown:
            session.log.write("price_unknown", models=", ".join(unknown))
        return Budget(unbounded)
    items, size = wave.manifest.items, session.limits.batch_size
    batches = (items[start : start + size] for start in range(0, len(items), size))
    dearest = _dearest(session, caps, batches, wave.rubric)
    return Budget(_drawing(session, caps, dearest * session.limits.parallel * _AT_ONCE))


def afford(session: Session, ask: Ask | None = None) -> Ending | None:
    """The ending for a fire that finds a cap used up, before a wave is opened; None where a request fits: this one, or
    the smallest that there can be."""
    caps = list(_caps(session, _NO_WAVE))
    if not caps:
        return None
    least = _dearest(session, caps, [()], session.rubric)
    if ask is not None:
        least = reserve_price(session.backend, ask, session.rubric) or least
    for cap in caps:
        spent = ledger.spent(session.db, cap.scope, session.run_id, others=False) + _of_others(session, cap)
        if cap.usd - spent < least:
            return Ending("over_budget", _reached(cap, spent))
    return None


# --- caps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cap:
    """So many US dollars for all that is in its scope; `name` is what an operator calls it, `wait` what time does."""

    usd: float
    scope: Scope
    name: str
    remedy: str
    wait: str


def _caps(session: Session, wave_id: str) -> Iterator[Cap]:
    """Those of the theme, then those of the backend."""
    limits, backend, theme_id = session.limits, session.backend, session.theme.theme_id
    of_theme = Caps(limits.cap_usd_wave, limits.cap_usd_day, limits.cap_usd_month)
    for span in _SPANS:
        period, wave = (None, wave_id) if span == "wave" else (span, None)
        for caps, scope, name, where in (
            (of_theme, Scope(theme_id, None, wave, period), f"cap_usd_{span} of theme {theme_id}", "theme_config"),
            (backend.caps, Scope(None, backend.name, wave, period), f"caps.{span} of {backend.name}", "waves.yaml"),
        ):
            usd = getattr(caps, span)
            if usd is not None:
                yield Cap(usd, scope, name, f"raise it in {where}", _WAIT.get(span, ""))


def _dearest(session: Session, caps: Sequence[Cap], batches: Iterable[Sequence[Item]], rubric: Rubric) -> float:
    """The price of the dearest request of these batches. Raises ConfigurationError where nobody knows the price of a
    model, or where a cap is lower: then no fire could ever send it."""
    backend = session.backend
    for model in backend.models:
        if not prices.known(backend, model):
            raise ConfigurationError(
                f"{caps[0].name} is set, but no price is known for model {model}",
                f"Give `prices: {{{model}: {{input: …, output: …}}}}` of backend {backend.name} in waves.yaml.",
            )
    dearest = max(_batch_price(backend, batch, rubric) for batch in batches)
    low = min(caps, key=lambda cap: cap.usd)
    if low.usd < dearest:
        raise ConfigurationError(
            f"{low.name} is ${low.usd:g}, and one request may cost ${dearest:.2g}",
            f"{low.remedy[0].upper()}{low.remedy[1:]}, or lower batch_size.",
        )
    return dearest


def _batch_price(backend: BackendConfig, batch: Sequence[Item], rubric: Rubric) -> float:
    items = tuple((str(number), item.input) for number, item in enumerate(batch, 1))
    asked = (reserve_price(backend, Ask("", model, items), rubric) for model in backend.models)
    return max(usd for usd in asked if usd is not None)


def _drawing(session: Session, caps: Sequence[Cap], step: float) -> Draw:
    """What the ledger and the claims of other fires leave of the caps, for a purse of this fire. What the fire has
    booked before, for earlier waves, is no part of the purse: it is added."""
    booked = {cap: ledger.spent(session.db, cap.scope, session.run_id, others=False) for cap in caps}
    here = ledger.spent(session.db, Scope(backend=session.backend.name), session.run_id, others=False)

    def draw(held: float, wanted: float) -> Grant:
        with session.db.transaction():
            ledger.lock_budget(session.db)
            left = {cap: cap.usd - booked[cap] - _of_others(session, cap) for cap in caps}
            tightest = min(caps, key=left.__getitem__)
            granted = max(held, min(wanted + step, left[tightest]))
            ledger.claim(session.db, session.run_id, session.backend.name, here + granted)
        return Grant(granted, _reached(tightest, tightest.usd - left[tightest] + held))

    return draw


def _of_others(session: Session, cap: Cap) -> float:
    spent = ledger.spent(session.db, cap.scope, session.run_id, others=True)
    return spent + ledger.claimed(session.db, cap.scope, session.run_id)


def _reached(cap: Cap, spent: float) -> str:
    return f"{cap.name} is reached: ${spent:.4g} of ${cap.usd:g} are spent or reserved; {cap.remedy}{cap.wait}"
