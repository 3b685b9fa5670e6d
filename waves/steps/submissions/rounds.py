"""What the next submission asks, as the journals of the wave tell what was asked before.

The first round asks in batches, and `passes` more may follow. An item whose answer could not be used is asked for
alone and strictly then, with more room where the answer was cut off. In its last round each is asked for alone, because
one item can spoil the answers for all that are asked with it. What had no luck in any round is given back to the gap:
it holds back nothing that is paid.
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
from waves.outcomes import Ask, Outcome, Retryable
from waves.spool.history import History
from waves.steps.budget.caps import max_request_cost
from waves.steps.requests.policy import LARGER, MOST_TOKENS
from waves.steps.requests.settlement import outcome_of_call
from waves.steps.session.wave import Progress, Wave, batches_of


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a submission: what goes out, and its line in the journal."""

    ask: Ask
    sent: Sent


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Each missing item is in exactly one of the two."""

    batches: tuple[tuple[Item, ...], ...]
    strict: tuple[Item, ...]
    exhausted: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class PriorRounds:
    """What became of the items so far: in how many submissions each was, and how its last answer read."""

    rounds: Counter[Identity]
    last: dict[Identity, Outcome]


def prior_rounds(history: History, rubric: Rubric, missing: Iterable[Item]) -> PriorRounds:
    """Only what a provider took counts as a round: a submission that never arrived says nothing about its items."""
    wanted = {item.identity for item in missing}
    found = PriorRounds(Counter(), {})
    for submission in history.submissions:
        for call in submission.calls.values() if submission.batch_id is not None else ():
            ids = {(key, digest) for _, key, digest in call.sent.items} & wanted
            found.rounds.update(ids)
            if ids and (outcome := outcome_of_call(call, rubric)) is not None:
                found.last.update(dict.fromkeys(ids, outcome))
    return found


def plan_round(progress: Progress, before: PriorRounds, limits: Limits) -> RoundPlan:
    strict, alone, together, exhausted = [], [], [], []
    some_use = bool(progress.parts) or len(progress.missing) <= limits.batch_size
    for item in progress.missing:
        rounds = before.rounds[item.identity]
        if rounds > limits.passes:
            exhausted.append(item)
        elif item.identity in before.last:
            strict.append(item)
        elif rounds == limits.passes and some_use:
            alone.append(item)
        else:
            together.append(item)
    batches = [*batches_of(together, limits.batch_size), *batches_of(alone, 1)]
    return RoundPlan(tuple(tuple(batch) for batch in batches), tuple(strict), tuple(exhausted))


def requests(planned: RoundPlan, before: PriorRounds, wave: Wave, backend: BackendConfig) -> Iterator[BatchRequest]:
    for batch in planned.batches:
        yield _request(batch, wave, backend, strict=False)
    for item in planned.strict:
        cut_off = isinstance(before.last[item.identity], Retryable)
        yield _request([item], wave, backend, strict=True, roomy=cut_off)


def _request(
    items: Sequence[Item], wave: Wave, backend: BackendConfig, *, strict: bool, roomy: bool = False
) -> BatchRequest:
    model = backend.models[0]
    numbered = [(str(number), item) for number, item in enumerate(items, 1)]
    ask = Ask(new_call_id(), model, tuple((n, item.input) for n, item in numbered), strict=strict)
    if roomy:
        ask = replace(ask, max_tokens=min(MOST_TOKENS, LARGER * max_tokens(wave.rubric, ask)))
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
