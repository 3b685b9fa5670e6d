"""The requests in flight, with their journal lines and their money: no request leaves without a `sent` line and a
reserve, and none ends without `paid` or `ended`. What is appended here is on disk after `sync`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal

from waves.backends.prompt import max_tokens
from waves.calls import Call, Ended, Paid, Sent
from waves.config.project import BackendConfig
from waves.ids import new_call_id, now
from waves.models import Item, Meter
from waves.outcomes import Answer, Ask
from waves.quota.budget import Budget
from waves.quota.prices import cost
from waves.spool.journal import Journal
from waves.steps.budget.caps import max_request_cost
from waves.steps.requests.policy import Try
from waves.steps.session.wave import Wave

_SHORT_IDS = 100_000
"""More than items in flight, and few tokens each."""

PROBE_ID = "0"
"""The short id of the only item of a probe."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that is not sent yet: its next try, and its items by their short ids. `not_before` is on the monotonic
    clock, in seconds. `answers_before`: how many requests had been answered when this one first got no answer, None
    until then. A probe asks for no item of the wave, but for the rubric's first example, or for an empty input if the
    rubric has none."""

    next_try: Try
    items: Mapping[str, Item]
    not_before: float = 0.0
    probe: bool = False
    answers_before: int | None = None


@dataclass(slots=True)
class InFlight:
    """A request that was sent. `answers_when_sent`: how many requests had been answered by then. `meters` came with its
    answer."""

    pending: PendingRequest
    call: Call
    max_tokens: int
    answers_when_sent: int
    meters: tuple[Meter, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """The budget does not cover this request."""

    reason: str


def first_requests(batches: Iterable[Sequence[Item]], model: str, numbers: Iterator[str]) -> Iterator[PendingRequest]:
    """The first request for each batch."""
    for batch in batches:
        items = {next(numbers): item for item in batch}
        yield PendingRequest(Try(tuple(items), model), items)


def short_ids() -> Iterator[str]:
    """The numbers by which requests name their items. Those of requests in flight differ: an answer that a gateway
    gives to the wrong request names none of its items, and labels nothing."""
    yield from map(str, cycle(range(1, _SHORT_IDS)))


def follow_up(pending: PendingRequest, this: Try, answers_before: int | None, at: float) -> PendingRequest:
    """The next request for some items of one that has ended at monotonic second `at`."""
    items = {short_id: pending.items[short_id] for short_id in this.short_ids}
    return PendingRequest(this, items, not_before=at + this.wait if this.wait else 0.0, answers_before=answers_before)


class InFlightRequests:
    def __init__(self, wave: Wave, backend: BackendConfig, run_id: str, journal: Journal, budget: Budget) -> None:
        self._wave = wave
        self._backend = backend
        self._run_id = run_id
        self._journal = journal
        self._budget = budget
        self._requests: dict[str, InFlight] = {}
        self._interpreting = 0
        self._unsynced = False
        self._longest = backend.max_tokens

    def __len__(self) -> int:
        """Requests that have not ended."""
        return len(self._requests)

    @property
    def awaited(self) -> int:
        """Requests that the provider has not answered yet. An answer that is still being interpreted does not count."""
        return len(self._requests) - self._interpreting

    @property
    def calls(self) -> list[Call]:
        """What the journal holds of the requests that have not ended."""
        return [request.call for request in self._requests.values()]

    def find(self, call_id: str) -> InFlight | None:
        return self._requests.get(call_id)

    def send(self, pending: PendingRequest, answers: int) -> Ask | Denied:
        """Reserve the money of a request and journal it as sent. Returns what a worker needs to ask it."""
        ask, this = self._ask(pending), pending.next_try
        reserved = max_request_cost(self._backend, ask, self._wave.rubric)
        if (reason := self._budget.reserve(ask.call_id, reserved)) is not None:
            return Denied(reason)
        sent = Sent(
            call_id=ask.call_id,
            version=self._wave.manifest.rubric_version,
            model=this.model,
            backend=self._backend.name,
            items=tuple((short_id, *item.identity) for short_id, item in pending.items.items()),
            strict=this.strict,
            reserved_usd=reserved,
            at=now(),
        )
        self._journal.sent(sent)
        self._unsynced = True
        most = max_tokens(self._wave.rubric, ask, self._longest)
        self._requests[ask.call_id] = InFlight(pending, Call(sent, self._run_id), most, answers)
        return ask

    def learn_longest_answer(self, tokens: int) -> None:
        """The provider accepts no request that asks for more."""
        self._longest = tokens if self._longest is None else min(tokens, self._longest)

    def _ask(self, pending: PendingRequest) -> Ask:
        this = pending.next_try
        inputs = tuple((short_id, item.input) for short_id, item in pending.items.items())
        if pending.probe:
            inputs = ((PROBE_ID, self._probe_input()),)
        ask = Ask(new_call_id(), this.model, inputs, this.strict, this.max_tokens, this.reasons)
        if self._longest == self._backend.max_tokens:
            return ask
        return replace(ask, max_tokens=max_tokens(self._wave.rubric, ask, self._longest))

    @property
    def longest(self) -> int | None:
        """The most tokens that an answer may have, by the backend's settings or the provider's word."""
        return self._longest

    def _probe_input(self) -> Mapping[str, str | None]:
        examples = self._wave.rubric.examples
        return examples[0].input if examples else dict.fromkeys(self._wave.manifest.items[0].input)

    def paid(self, request: InFlight, answer: Answer) -> None:
        """Journal the answer. The request stays in flight until its interpretation has arrived."""
        paid = Paid(answer.call_id, answer.status, answer.usage, answer.raw, now())
        self._journal.paid(paid)
        self._unsynced = True
        self._interpreting += 1
        request.call, request.meters = replace(request.call, paid=paid), answer.meters
        self._budget.settle(answer.call_id, cost(request.call, self._backend).usd)

    def end(self, request: InFlight, fate: Literal["unpaid", "maybe_paid", "worker_lost"], reason: str) -> None:
        """The request is over; one without an answer is journalled as ended."""
        call_id = request.call.sent.call_id
        if request.call.paid is None:
            ended = Ended(call_id, fate, reason, now())
            self._journal.ended(ended)
            self._unsynced = True
            request.call = replace(request.call, ended=ended)
            if fate == "unpaid":
                self._budget.release(call_id)
            else:
                self._budget.settle(call_id, None)
        else:
            self._interpreting -= 1
        del self._requests[call_id]

    def end_all(self, reason: str) -> list[Call]:
        """Record every request that is still in flight as maybe paid."""
        requests = list(self._requests.values())
        for request in requests:
            self.end(request, "maybe_paid", reason)
        return [request.call for request in requests]

    def sync(self) -> None:
        """Make everything that was appended durable, with one fsync."""
        if self._unsynced:
            self._journal.sync()
            self._unsynced = False
