"""What to do after an outcome: pure functions, without a clock or randomness of their own.

Adapters say what happened. This module says what follows: which items are accepted, which are asked for again and how,
which have failed, and when failures mean that the provider is down. The request loop sends, records and waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from waves.outcomes import Answered, Discarded, Fatal, Labelled, Outcome, Rejected, Retryable, Snoozed

ENLARGED_BY = 4
"""The factor by which the one larger try after `max_tokens` is larger."""
MAX_TOKENS = 64_000

BACK_OFF = 1.0
"""Seconds of the first back-off. After no answer it is the only one, and jitter spreads it over 0.5 to 1.5 times that.
After a 429 that names no end it doubles each time."""

_BOUND = re.compile(r".{0,60}?\bmax_tokens: \d+ > (\d{1,9})\b")

MAX_WAITS = 5
"""How often one request waits for the end of a 429 before the backend is snoozed."""

RECENT = 20
"""The number of recent requests that show whether the provider is down."""
MIN_REQUESTS = 10
MIN_ITEMS = 5


@dataclass(frozen=True, slots=True)
class Try:
    """One request for some items: what `Ask` needs, and what happened to these items before. `wait` is in seconds,
    before it is sent. `max_tokens` is None until the larger try. `alone`: a worker died with these items, so no other
    request may be in the same worker. `waits` counts the 429s that were waited for. `reasons`: why the items were
    rejected before a strict try. `second_opinion`: the answers of another model could not be used. `returned`: that of
    a model without trust could not be used, so another one is asked."""

    short_ids: tuple[str, ...]
    model: str
    strict: bool = False
    max_tokens: int | None = None
    backed_off: bool = False
    wait: float = 0.0
    alone: bool = False
    waits: int = 0
    reasons: tuple[str, ...] = ()
    second_opinion: bool = False
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Each item of the try is in exactly one of the five. `failed` counts an attempt, `refused` is final; `left` stays
    missing for a later pass, which costs nothing by itself."""

    accepted: tuple[Labelled, ...] = ()
    again: tuple[Try, ...] = ()
    failed: tuple[Rejected, ...] = ()
    refused: tuple[Rejected, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that ended: the items it asked for, and whether its outcome speaks for an outage."""

    items: frozenset[str]
    down: bool


def decide(
    this: Try, outcome: Outcome, *, chain: Sequence[str], max_tokens: int, jitter: float, ceiling: int | None = None
) -> Decision:
    """What follows from the outcome of this try. `chain` are the backend's models, the primary first; `max_tokens` is
    what was sent, `ceiling` the backend's bound of it; `jitter` a number from 0 to 1. After Snoozed and Fatal all items
    are left: the caller stops sending, or asks `other_model`."""
    match outcome:
        case Answered():
            return _after_answer(this, outcome, chain)
        case Retryable(kind="truncated"):
            return _after_truncation(this, outcome.reason, max_tokens, min(MAX_TOKENS, ceiling or MAX_TOKENS))
        case Retryable(kind="lost"):
            return _after_loss(this)
        case Retryable():
            return _after_no_answer(this, chain, jitter)
        case Discarded():
            return _smaller(this, outcome, max_tokens) or _after_discard(this, outcome)
        case Snoozed() | Fatal():
            return Decision(left=this.short_ids)
        case _:
            assert_never(outcome)


def without_trust(this: Try, decision: Decision, chain: Sequence[str]) -> Decision:
    """The decision on this try if nothing shows that its model answers anything: its word alone is final for no item.
    Each goes back to the first model, once, and then counts as one without an answer. An item that another model
    rejected before has failed, and is not refused for good."""
    given_up = (*decision.failed, *decision.refused)
    if this.second_opinion or not given_up:
        return replace(decision, failed=given_up, refused=())
    short_ids = tuple(item.short_id for item in given_up)
    if this.returned:
        return replace(decision, failed=(), refused=(), left=(*decision.left, *short_ids))
    back = Try(short_ids, chain[0], returned=True)
    return replace(decision, failed=(), refused=(), again=(*decision.again, back))


def end_of_429(this: Try, refused: Snoozed, now: datetime) -> datetime | None:
    """The moment to ask again after a 429: the provider's, else a pause that doubles each time; None if it is not about
    too many requests at a time."""
    if refused.kind != "rate":
        return None
    return refused.until or now + timedelta(seconds=BACK_OFF * 2**this.waits)


def worth_waiting(this: Try, refused: Snoozed, *, now: datetime, timeout: float) -> bool:
    """Whether to wait for the end of a 429: it comes no later than an answer may, and this request has not waited too
    often already. Otherwise another model is asked, or the backend is snoozed."""
    until = end_of_429(this, refused, now)
    return until is not None and this.waits < MAX_WAITS and (until - now).total_seconds() <= timeout


def other_model(this: Try, outcome: Outcome, chain: Sequence[str]) -> str | None:
    """The next model of the chain, if this outcome concerns the model of the try and may not concern another."""
    match outcome:
        case Fatal(of_model=True) | Snoozed(kind="rate"):
            return next(iter(further_models(this.model, chain)), None)
        case _:
            return None


def further_models(model: str, chain: Sequence[str]) -> Sequence[str]:
    """The models of the chain after this one."""
    return chain[chain.index(model) + 1 :] if model in chain else ()


def speaks_for_outage(outcome: Outcome) -> bool:
    """Whether nothing came back. A provider that hangs is as useless as one that answers 529, and so are our workers
    if all of them die."""
    return isinstance(outcome, Retryable) and outcome.kind in {"outage", "timeout", "lost"}


def is_outage(seen: Sequence[Seen], rate: float) -> bool:
    """Whether the last requests, oldest first, show that the provider is down: at least ten of them, and a share of at
    least `rate` without an answer. Failures of fewer than five different items say something about these items: a few
    poisonous items at the end of a wave are no outage."""
    recent = seen[-RECENT:]
    down = [request for request in recent if request.down]
    items = frozenset[str]().union(*(request.items for request in down))
    return len(recent) >= MIN_REQUESTS and len(items) >= MIN_ITEMS and len(down) >= rate * len(recent)


def _after_answer(this: Try, answered: Answered, chain: Sequence[str]) -> Decision:
    """Rejected items are asked for once more, on their own and strictly; rejected again, once by the next model of the
    chain; then they have failed."""
    if not answered.rejected:
        return Decision(accepted=answered.labelled)
    rejected = tuple(item.short_id for item in answered.rejected)
    again = replace(this, short_ids=rejected, strict=True, wait=0.0, reasons=reasons_of(answered))
    if this.strict:
        further = further_models(this.model, chain)
        if this.second_opinion or not further:
            return Decision(accepted=answered.labelled, failed=answered.rejected)
        again = replace(again, model=further[0], second_opinion=True)
    return Decision(accepted=answered.labelled, again=(again,))


def reasons_of(answered: Answered) -> tuple[str, ...]:
    """The different reasons of the rejected items, in their order."""
    return tuple(dict.fromkeys(item.reason for item in answered.rejected))


def _after_truncation(this: Try, reason: str, max_tokens: int, most: int) -> Decision:
    if this.max_tokens is None and max_tokens < most:
        return Decision(again=(replace(this, max_tokens=min(most, ENLARGED_BY * max_tokens), wait=0.0),))
    return _one_by_one(this) or Decision(failed=_all(this, reason))


def _after_no_answer(this: Try, chain: Sequence[str], jitter: float) -> Decision:
    """Back off once, then try each further model of the chain once, then leave the items."""
    if not this.backed_off:
        return Decision(again=(replace(this, backed_off=True, wait=BACK_OFF * (0.5 + jitter)),))
    if further := further_models(this.model, chain):
        return Decision(again=(replace(this, model=further[0], wait=0.0),))
    return Decision(left=this.short_ids)


def _after_loss(this: Try) -> Decision:
    """A worker that dies takes all of its requests along. So each request is asked again with nothing else in its
    worker, which finds the one that kills; then its items one by one, which finds the item."""
    if not this.alone:
        return Decision(again=(replace(this, alone=True, wait=0.0),))
    return _one_by_one(this) or Decision(left=this.short_ids)


def bound_of_max_tokens(outcome: Outcome) -> int | None:
    """The most tokens that the provider lets a model answer with, if that is why it calls the request invalid."""
    found = _BOUND.match(outcome.text) if isinstance(outcome, Discarded) and outcome.kind == "invalid" else None
    return int(found[1]) if found else None


def _smaller(this: Try, discarded: Discarded, max_tokens: int) -> Decision | None:
    """The request asked for a longer answer than the provider allows: the same again, with no more than that."""
    bound = bound_of_max_tokens(discarded)
    if bound is None or not 0 < bound < max_tokens:
        return None
    return Decision(again=(replace(this, max_tokens=bound, wait=0.0),))


def _after_discard(this: Try, discarded: Discarded) -> Decision:
    """One item can spoil a request of several, so each gets a request of its own. The refusal of a single item is
    final."""
    if (alone := _one_by_one(this)) is not None:
        return alone
    if discarded.kind == "refused":
        return Decision(refused=_all(this, discarded.reason))
    return Decision(failed=_all(this, discarded.reason))


def _one_by_one(this: Try) -> Decision | None:
    if len(this.short_ids) == 1:
        return None
    return Decision(again=tuple(replace(this, short_ids=(short_id,), wait=0.0) for short_id in this.short_ids))


def _all(this: Try, reason: str) -> tuple[Rejected, ...]:
    return tuple(Rejected(short_id, reason) for short_id in this.short_ids)
