"""The requests in flight, their lines in the journal and their money: none leaves without its `sent` and its reserve,
none ends without `paid` or `ended`. What is appended here is on disk after `sync`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from waves.steps.budget.caps import reserve_price
from waves.steps.requests.policy import Try
from waves.steps.session.wave import Wave


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request to come: what policy says of it, and its items by their short ids. `not_before` is on the monotonic
    clock, in seconds; `since`, once it went unanswered, how many others had been answered then. A probe asks for no
    item of the wave, but for the rubric's own first example, or an empty input where it has none."""

    this: Try
    items: Mapping[str, Item]
    not_before: float = 0.0
    probe: bool = False
    since: int | None = None


@dataclass(slots=True)
class InFlight:
    """A request in flight; `budget` is the `max_tokens` that went out, `answers` how many others had been answered when
    it left, `meters` what came with its answer."""

    question: PendingRequest
    call: Call
    budget: int
    answers: int
    meters: tuple[Meter, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """There is no money for this request."""

    reason: str


def first_request(batch: Sequence[Item], model: str) -> PendingRequest:
    """The first request for a batch, its items numbered from 1."""
    items = {str(number): item for number, item in enumerate(batch, 1)}
    return PendingRequest(Try(tuple(items), model), items)


class InFlightRequests:
    def __init__(self, wave: Wave, backend: BackendConfig, run_id: str, journal: Journal, budget: Budget) -> None:
        self._wave = wave
        self._backend = backend
        self._run_id = run_id
        self._journal = journal
        self._budget = budget
        self._flying: dict[str, InFlight] = {}
        self._answered = 0
        self._written = False

    def __len__(self) -> int:
        """Requests that are not over."""
        return len(self._flying)

    @property
    def awaited(self) -> int:
        """Those of them that the provider has not answered: an answer that is still being read takes no place."""
        return len(self._flying) - self._answered

    @property
    def calls(self) -> list[Call]:
        """What the journal holds of those that are not over."""
        return [flying.call for flying in self._flying.values()]

    def find(self, call_id: str) -> InFlight | None:
        return self._flying.get(call_id)

    def depart(self, question: PendingRequest, answers: int) -> Ask | Denied:
        """Reserve its money and journal the request as sent; what a worker gets of it."""
        ask, this = self._ask(question), question.this
        reserved = reserve_price(self._backend, ask, self._wave.rubric)
        if (reason := self._budget.reserve(ask.call_id, reserved)) is not None:
            return Denied(reason)
        sent = Sent(
            call_id=ask.call_id,
            version=self._wave.manifest.rubric_version,
            model=this.model,
            backend=self._backend.name,
            items=tuple((short_id, *item.identity) for short_id, item in question.items.items()),
            strict=this.strict,
            reserved_usd=reserved,
            at=now(),
        )
        self._journal.sent(sent)
        self._written = True
        budget = max_tokens(self._wave.rubric, ask)
        self._flying[ask.call_id] = InFlight(question, Call(sent, self._run_id), budget, answers)
        return ask

    def _ask(self, question: PendingRequest) -> Ask:
        this = question.this
        inputs = tuple((short_id, item.input) for short_id, item in question.items.items())
        if question.probe:
            inputs = (("1", self._probe_input()),)
        return Ask(new_call_id(), this.model, inputs, strict=this.strict, max_tokens=this.max_tokens)

    def _probe_input(self) -> Mapping[str, str | None]:
        examples = self._wave.rubric.examples
        return examples[0].input if examples else dict.fromkeys(self._wave.manifest.items[0].input)

    def paid(self, flying: InFlight, answer: Answer) -> None:
        """Journal the answer; the request goes on until its interpretation has come."""
        paid = Paid(answer.call_id, answer.status, answer.usage, answer.raw, now())
        self._journal.paid(paid)
        self._written = True
        self._answered += 1
        flying.call, flying.meters = replace(flying.call, paid=paid), answer.meters
        self._budget.settle(answer.call_id, cost(flying.call, self._backend).usd)

    def land(self, flying: InFlight, fate: Literal["unpaid", "maybe_paid", "worker_lost"], reason: str) -> None:
        """The request is over; one without an answer is journalled as ended."""
        call_id = flying.call.sent.call_id
        if flying.call.paid is None:
            ended = Ended(call_id, fate, reason, now())
            self._journal.ended(ended)
            self._written = True
            flying.call = replace(flying.call, ended=ended)
            if fate == "unpaid":
                self._budget.release(call_id)
            else:
                self._budget.settle(call_id, None)
        else:
            self._answered -= 1
        del self._flying[call_id]

    def give_up(self, reason: str) -> Iterator[Call]:
        """Book whatever is still in flight as maybe paid."""
        for flying in list(self._flying.values()):
            self.land(flying, "maybe_paid", reason)
            yield flying.call

    def sync(self) -> None:
        """Make everything that was appended durable, in one go."""
        if self._written:
            self._journal.sync()
            self._written = False
