"""Is it the provider, or these items? What the loop knows about that, and the probe that tells: the rubric's own first
example, while nothing else goes out.

An item that got no answer is to blame only where somebody else was answered between two of its tries. As long as nobody
was, it waits here until the pass ends; then the probe decides whether it is asked once more, or the backend sleeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from waves.config.project import BackendConfig
from waves.outcomes import Answered, Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.steps.budget.snooze import awake, needs_probe, snooze
from waves.steps.requests.in_flight import InFlight, PendingRequest
from waves.steps.requests.policy import RECENT, Seen, Try, is_outage, speaks_for_outage
from waves.steps.requests.queue import RequestQueue
from waves.steps.requests.stopping import StopControl
from waves.steps.session.session import Session
from waves.store.tables.verdicts import Failure


class OutageDetector:
    """`answers` counts what was answered so far; `unanswered` are the items that are to blame for it that they were
    not. `open` while a probe is to tell."""

    def __init__(self, session: Session, backend: BackendConfig, pile: RequestQueue, halt: StopControl) -> None:
        self._session = session
        self._backend = backend
        self._pile = pile
        self._halt = halt
        self._seen: deque[Seen] = deque(maxlen=RECENT)
        self._unproven: list[PendingRequest] = []
        self._reason: str | None = None
        self.answers = 0
        self.unanswered: list[Failure] = []

    @property
    def open(self) -> bool:
        return self._reason is not None

    def begin(self) -> None:
        """Before the first request of a pass: nobody knows yet whether a backend that slept works again."""
        if needs_probe(self._session):
            self._probe("its snooze has ended")

    def end(self) -> None:
        """Nothing is left to be asked in this pass."""
        if self._unproven:
            self._probe("nobody was answered since some items were not")

    def judge(self, question: PendingRequest, outcome: Outcome) -> None:
        """Does this outcome say something about the provider rather than about the items?"""
        match outcome:
            case Answered():
                self.answers += 1
            case Fatal():
                self._halt.fail(outcome)
            case Discarded(kind="invalid", reason=reason) if not self.answers:
                self._probe(f"the provider calls our requests invalid: {reason}")
        keys = frozenset(item.entity_key for item in question.items.values())
        self._seen.append(Seen(keys, speaks_for_outage(outcome)))
        if is_outage(tuple(self._seen), self._session.limits.snooze_error_rate):
            self._probe(reason_of(outcome))

    def since(self, question: PendingRequest) -> int:
        """How many requests had been answered when this one first was not."""
        return self.answers if question.since is None else question.since

    def leave(self, flying: InFlight, short_ids: Iterable[str], reason: str) -> None:
        """Every try of these items has ended without an answer."""
        question, call_id = flying.question, flying.call.sent.call_id
        items = {short_id: question.items[short_id] for short_id in short_ids}
        if question.since is not None and flying.answers > question.since:
            self.unanswered += [Failure(*item.identity, reason, None, call_id) for item in items.values()]
        elif items:
            this = replace(question.this, short_ids=tuple(items), wait=0.0)
            self._unproven.append(PendingRequest(this, items, since=self.since(question)))

    def probed(self, outcome: Outcome) -> None:
        reason, self._reason = self._reason or "", None
        match outcome:
            case Discarded(kind="invalid"):
                hint = "Check model, base_url and the rubric's schema: not even its first example is accepted."
                self._halt.fail(Fatal("configuration", f"backend {self._backend.name}: {reason}", hint))
            case Fatal():
                self._halt.fail(outcome)
            case Retryable(kind="lost", reason=death):
                self._halt.workers_die(death)
            case Retryable(kind="outage" | "timeout"):
                self.sleep(None, reason)
            case _:
                self._well()

    def sleep(self, until: datetime | None, reason: str, told: Snoozed | None = None) -> None:
        """Of the many requests that find the same limit, the first puts the backend to sleep."""
        if self._halt.ending is None:
            self._halt.stop(snooze(self._session, until, reason, told), self._backend.timeout)

    def _well(self) -> None:
        """The provider is: what nobody could be blamed for is asked again."""
        self.answers += 1
        if needs_probe(self._session):
            awake(self._session)
        self._pile.add(self._unproven)
        self._unproven.clear()

    def _probe(self, reason: str) -> None:
        if self.open or self._halt.ending is not None:
            return
        self._seen.clear()
        self._reason = reason
        self._session.log.write("probe", reason=reason)
        self._pile.probe = PendingRequest(Try((), self._backend.models[0]), {}, probe=True)


def reason_of(outcome: Outcome) -> str:
    return getattr(outcome, "reason", None) or getattr(outcome, "message", None) or "no answer"
