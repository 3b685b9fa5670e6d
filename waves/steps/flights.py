"""The requests in flight and their lines in the journal: none leaves without its `sent`, none ends without `paid` or
`ended`. What is appended here is on disk after `sync`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from waves.backends.policy import Try
from waves.backends.prompt import max_tokens
from waves.ids import new_call_id, now
from waves.models import Answer, Ask, Call, Ended, Item, Paid, Sent
from waves.spool.journal import Journal
from waves.steps.opened import Opened


@dataclass(frozen=True, slots=True)
class Question:
    """A request to come: what policy says of it, and its items by their short ids. `not_before` is on the monotonic
    clock, in seconds. A probe asks for no item of the wave, but for the rubric's own first example."""

    this: Try
    items: Mapping[str, Item]
    not_before: float = 0.0
    probe: bool = False


@dataclass(slots=True)
class Flying:
    """A request in flight; `budget` is the `max_tokens` that went out."""

    question: Question
    call: Call
    budget: int


def question_of(batch: Sequence[Item], model: str) -> Question:
    """The first request for a batch, its items numbered from 1."""
    items = {str(number): item for number, item in enumerate(batch, 1)}
    return Question(Try(tuple(items), model), items)


class Flights:
    def __init__(self, wave: Opened, backend: str, run_id: str, journal: Journal) -> None:
        self._wave = wave
        self._backend = backend
        self._run_id = run_id
        self._journal = journal
        self._flying: dict[str, Flying] = {}
        self._answered = 0
        self._written = False

    def __len__(self) -> int:
        """Requests that are not over."""
        return len(self._flying)

    @property
    def awaited(self) -> int:
        """Those of them that the provider has not answered: an answer that is still being read takes no place."""
        return len(self._flying) - self._answered

    def find(self, call_id: str) -> Flying | None:
        return self._flying.get(call_id)

    def depart(self, question: Question) -> Ask:
        """Journal the request as sent; what a worker gets of it."""
        call_id, this = new_call_id(), question.this
        sent = Sent(
            call_id=call_id,
            version=self._wave.manifest.rubric_version,
            model=this.model,
            backend=self._backend,
            items=tuple((short_id, *item.identity) for short_id, item in question.items.items()),
            strict=this.strict,
            reserved_usd=None,
            at=now(),
        )
        inputs = tuple((short_id, item.input) for short_id, item in question.items.items())
        if question.probe:
            inputs = (("1", self._wave.rubric.examples[0].input),)
        ask = Ask(call_id, this.model, inputs, strict=this.strict, max_tokens=this.max_tokens)
        self._journal.sent(sent)
        self._written = True
        self._flying[call_id] = Flying(question, Call(sent, self._run_id), max_tokens(self._wave.rubric, ask))
        return ask

    def paid(self, flying: Flying, answer: Answer) -> None:
        """Journal the answer; the request goes on until its interpretation has come."""
        paid = Paid(answer.call_id, answer.status, answer.usage, answer.raw, now())
        self._journal.paid(paid)
        self._written = True
        self._answered += 1
        flying.call = replace(flying.call, paid=paid)

    def land(self, flying: Flying, fate: Literal["unpaid", "maybe_paid", "worker_lost"], reason: str) -> None:
        """The request is over; one without an answer is journalled as ended."""
        call_id = flying.call.sent.call_id
        if flying.call.paid is None:
            ended = Ended(call_id, fate, reason, now())
            self._journal.ended(ended)
            self._written = True
            flying.call = replace(flying.call, ended=ended)
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
