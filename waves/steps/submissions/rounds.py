"""What the next submission asks, given what the wave's journals show of the rounds before.

The first round asks in batches, and `passes` more rounds may follow. An item whose answer could not be used is then
asked for alone and strictly, with a larger `max_tokens` if the answer was cut off. In its last round each item is asked
for alone, because one item can spoil the answers for all that are asked with it. An item without a usable answer in any
round is released, so that it does not hold back what is paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from waves.backends.prompt import max_tokens
from waves.calls import Sent
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.ids import new_call_id, now
from waves.models import Identity, Item, Limits
from waves.outcomes import Answered, Ask, Outcome, Retryable
from waves.spool.history import History
from waves.steps.budget.caps import max_request_cost
from waves.steps.requests.in_flight import short_ids
from waves.steps.requests.policy import ENLARGED_BY, MAX_TOKENS, reasons_of
from waves.steps.requests.settlement import outcome_of_call
from waves.steps.session.wave import Progress, Wave, batches_of


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a submission: what goes out, and its line in the journal."""

    ask: Ask
    sent: Sent


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Each missing item is in exactly one of the three: asked in a batch, asked alone and strictly, or asked often
    enough."""

    batches: tuple[tuple[Item, ...], ...]
    strict: tuple[Item, ...]
    exhausted: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class PriorRounds:
    """What became of the items so far: the number of submissions that each was in, and what its last answer meant."""

    rounds: Counter[Identity]
    last: dict[Identity, Outcome]


def prior_rounds(history: History, rubric: Rubric, missing: Iterable[Item], model: str) -> PriorRounds:
    """A submission counts as a round only if the provider took it: one that never arrived says nothing about its
    items, nor does a request that another model than the one to ask now left unanswered."""
    missing_ids = {item.identity for item in missing}
    before = PriorRounds(Counter(), {})
    for submission in history.submissions:
        for call in submission.calls.values() if submission.batch_id is not None else ():
            ids = {(key, digest) for _, key, digest in call.sent.items} & missing_ids
            before.rounds.update(ids if call.paid is not None or call.sent.model == model else ())
            if ids and (outcome := outcome_of_call(call, rubric)) is not None:
                before.last.update(dict.fromkeys(ids, outcome))
    return before


def plan_round(progress: Progress, before: PriorRounds, limits: Limits) -> RoundPlan:
    strict, alone, together, exhausted = [], [], [], []
    worth_asking_alone = bool(progress.parts) or len(progress.missing) <= limits.batch_size
    for item in progress.missing:
        rounds = before.rounds[item.identity]
        if rounds > limits.passes:
            exhausted.append(item)
        elif item.identity in before.last:
            strict.append(item)
        elif rounds == limits.passes and worth_asking_alone:
            alone.append(item)
        else:
            together.append(item)
    batches = [*batches_of(together, limits.batch_size), *batches_of(alone, 1)]
    return RoundPlan(tuple(tuple(batch) for batch in batches), tuple(strict), tuple(exhausted))


def round_requests(
    plan: RoundPlan, before: PriorRounds, wave: Wave, backend: BackendConfig, model: str
) -> Iterator[BatchRequest]:
    numbers = short_ids()
    for batch in plan.batches:
        yield _request(batch, numbers, wave, backend, model, strict=False)
    for item in plan.strict:
        last = before.last[item.identity]
        reasons = reasons_of(last) if isinstance(last, Answered) else ()
        larger = isinstance(last, Retryable)
        yield _request([item], numbers, wave, backend, model, strict=True, larger=larger, reasons=reasons)


def _request(
    items: Sequence[Item],
    numbers: Iterator[str],
    wave: Wave,
    backend: BackendConfig,
    model: str,
    *,
    strict: bool,
    larger: bool = False,
    reasons: tuple[str, ...] = (),
) -> BatchRequest:
    numbered = [(next(numbers), item) for item in items]
    inputs = tuple((short_id, item.input) for short_id, item in numbered)
    ask = Ask(new_call_id(), model, inputs, strict=strict, reasons=reasons)
    if larger:
        ask = replace(ask, max_tokens=min(MAX_TOKENS, ENLARGED_BY * max_tokens(wave.rubric, ask, backend.max_tokens)))
    sent = Sent(
        call_id=ask.call_id,
        version=wave.manifest.rubric_version,
        model=model,
        backend=backend.name,
        items=tuple((short_id, *item.identity) for short_id, item in numbered),
        strict=strict,
        reserved_usd=max_request_cost(backend, ask, wave.rubric),
        at=now(),
    )
    return BatchRequest(ask, sent)
