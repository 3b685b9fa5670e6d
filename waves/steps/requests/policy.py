"""What to do after an outcome: pure functions, no clock, no dice of their own.

Adapters say what happened; here stands what follows from it: which items are taken, which are asked for again and how,
which have failed, and when failures mean that the provider is down. The run step sends, books and waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from waves.outcomes import Answered, Discarded, Fatal, Labelled, Outcome, Rejected, Retryable, Snoozed

LARGER = 4
"""By how much the one larger try after `max_tokens` is larger."""
MOST_TOKENS = 64_000

FIRST_WAIT = 1.0
"""Seconds of the one back-off; jitter spreads it over 0.5 to 1.5 of that."""

MOST_WAITS = 5
"""How often one request waits for the end of a 429 before the backend is put to sleep."""

RECENT = 20
"""How many of the last requests say whether the provider is down."""
LEAST_REQUESTS = 10
LEAST_ITEMS = 5


@dataclass(frozen=True, slots=True)
class Try:
    """One request for some items: what `Ask` says of it, and what happened to these items before. `wait` is in seconds,
    before it is sent. `max_tokens` is None until the larger try. `alone`: a worker died with them, so nothing else may
    be in the same worker. `waits` counts the 429s that were waited for."""

    short_ids: tuple[str, ...]
    model: str
    strict: bool = False
    max_tokens: int | None = None
    backed_off: bool = False
    wait: float = 0.0
    alone: bool = False
    waits: int = 0


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


def decide(this: Try, outcome: Outcome, *, chain: Sequence[str], budget: int, jitter: float) -> Decision:
    """What follows. `chain` are the backend's models, the primary first; `budget` the `max_tokens` that was sent;
    `jitter` a number from 0 to 1. After Snoozed and Fatal everything is left: the caller stops sending."""
    match outcome:
        case Answered():
            return _after_answer(this, outcome)
        case Retryable(kind="truncated"):
            return _after_truncation(this, outcome.reason, budget)
        case Retryable(kind="lost"):
            return _after_loss(this)
        case Retryable():
            return _after_no_answer(this, chain, jitter)
        case Discarded():
            return _after_discard(this, outcome)
        case Snoozed() | Fatal():
            return Decision(left=this.short_ids)
        case _:
            assert_never(outcome)


def worth_waiting(this: Try, refused: Snoozed, *, now: datetime, timeout: float) -> bool:
    """Whether the end of a 429 is waited for: it comes no later than an answer might, and this request has not waited
    in vain too often. Otherwise the backend sleeps."""
    if refused.kind != "rate" or refused.until is None or this.waits >= MOST_WAITS:
        return False
    return (refused.until - now).total_seconds() <= timeout


def speaks_for_outage(outcome: Outcome) -> bool:
    """Whether nothing came back. A provider that hangs is as useless as one that says 529, and so are our workers where
    all of them die."""
    return isinstance(outcome, Retryable) and outcome.kind in {"outage", "timeout", "lost"}


def is_outage(seen: Sequence[Seen], rate: float) -> bool:
    """Whether the last requests, oldest first, say that the provider is down: a share of at least `rate` of at least
    ten. Failures of fewer than five different items say something about these items: a poisonous tail is no outage."""
    recent = seen[-RECENT:]
    down = [request for request in recent if request.down]
    items = frozenset[str]().union(*(request.items for request in down))
    return len(recent) >= LEAST_REQUESTS and len(items) >= LEAST_ITEMS and len(down) >= rate * len(recent)


def _after_answer(this: Try, answered: Answered) -> Decision:
    """What was rejected is asked for once more, alone and strictly; rejected again, it has failed."""
    if this.strict or not answered.rejected:
        return Decision(accepted=answered.labelled, failed=answered.rejected)
    rejected = tuple(item.short_id for item in answered.rejected)
    return Decision(accepted=answered.labelled, again=(replace(this, short_ids=rejected, strict=True, wait=0.0),))


def _after_truncation(this: Try, reason: str, budget: int) -> Decision:
    if this.max_tokens is None and budget < MOST_TOKENS:
        return Decision(again=(replace(this, max_tokens=min(MOST_TOKENS, LARGER * budget), wait=0.0),))
    return _one_by_one(this) or Decision(failed=_all(this, reason))


def _after_no_answer(this: Try, chain: Sequence[str], jitter: float) -> Decision:
    """Back off once, then each further model of the chain once, then leave it."""
    if not this.backed_off:
        return Decision(again=(replace(this, backed_off=True, wait=FIRST_WAIT * (0.5 + jitter)),))
    further = chain[chain.index(this.model) + 1 :] if this.model in chain else ()
    if further:
        return Decision(again=(replace(this, model=further[0], wait=0.0),))
    return Decision(left=this.short_ids)


def _after_loss(this: Try) -> Decision:
    """A worker that dies takes all of its requests along. So each is asked again by itself, which finds the one that
    kills, then its items one by one, which finds the item."""
    if not this.alone:
        return Decision(again=(replace(this, alone=True, wait=0.0),))
    return _one_by_one(this) or Decision(left=this.short_ids)


def _after_discard(this: Try, discarded: Discarded) -> Decision:
    """One item can spoil a request of several, so each gets a request of its own. A refusal of one is final."""
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
