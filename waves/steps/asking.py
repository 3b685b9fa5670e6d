"""The loop that keeps `parallel` requests in flight, and makes every answer durable before anything is done with it.

In this order, for whatever has arrived: journal `paid`; journal `sent` for what goes out next; one fsync for both; hand
the new requests to the workers; write the parts. The runner alone writes, and alone decides.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from waves.backends.policy import RECENT, Decision, Seen, Try, decide, is_outage, speaks_for_outage
from waves.errors import ConfigurationError, CredentialsError, WaveError
from waves.executors.events import Emitted, Event, Finished, Lost
from waves.executors.processes import Processes
from waves.models import (
    Answer,
    Answered,
    Call,
    Discarded,
    Ending,
    Fatal,
    Item,
    Meter,
    Outcome,
    Part,
    Retryable,
    Snoozed,
)
from waves.project import BackendConfig
from waves.spool.journal import Journal
from waves.steps.booking import Settled, parts_of, read
from waves.steps.convergence import Identity
from waves.steps.flights import Flights, Flying, Question, question_of
from waves.steps.locking import Guard
from waves.steps.opened import Opened
from waves.steps.session import Session
from waves.steps.snooze import snooze
from waves.store.verdicts import Failure

PATIENCE = 10.0
"""Seconds that requests in flight may take after somebody asked us to stop; then they are booked as maybe paid."""
GLANCE = 0.25
"""Seconds between looks at signals and locks while nothing arrives."""


class Asking:
    """Asks for items of one wave, pass by pass. `have` are the ids with a part; `meters` those of the newest answer;
    `settled` what ended since the caller last took it; `unanswered` the items whose every try timed out or broke."""

    def __init__(
        self, session: Session, wave: Opened, guard: Guard, backend: BackendConfig, workers: Processes, journal: Journal
    ) -> None:
        self._session = session
        self._wave = wave
        self._guard = guard
        self._backend = backend
        self._workers = workers
        self._flights = Flights(wave, backend.name, session.run_id, journal)
        self._pile: deque[Question] = deque()
        self._due: list[Part] = []
        self._seen: deque[Seen] = deque(maxlen=RECENT)
        self._doubt: str | None = None
        self._heard = False
        self._heard_in_pass = False
        self._fault: WaveError | None = None
        self._ending: Ending | None = None
        self._give_up_at = float("inf")
        self._jitter = random.Random()  # noqa: S311 - spreads requests, keeps no secret
        self.have: set[Identity] = set()
        self.meters: Sequence[Meter] = ()
        self.settled: list[Settled] = []
        self.unanswered: list[Failure] = []

    def ask(self, batches: Iterable[Sequence[Item]]) -> Ending | None:
        """One pass over the batches: ask each, and once more what yielded nothing to store. An ending where the fire
        has to stop; raises the fault of a backend that cannot work until a person mends it."""
        self._pile.extend(question_of(batch, self._backend.models[0]) for batch in batches)
        self._heard_in_pass = False
        arrived: list[Event] = []
        while self._pile or len(self._flights) or arrived:
            self._take_in(arrived)
            self._look_around()
            self._send()
            if self._ending is not None and (not len(self._flights) or time.monotonic() > self._give_up_at):
                break
            arrived = self._workers.events(0 if self._due else GLANCE)
            self._write_parts()
            if not (self._pile or len(self._flights) or arrived) and self._alone_with_failures():
                self._suspect("no request of this pass was answered")
        self._give_up_rest()
        if self._fault is not None:
            raise self._fault
        return self._ending

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Fill the free places; nothing leaves before its `sent` line, and what was paid, is on disk."""
        asks = []
        while self._may_send() and (question := self._ready()) is not None:
            asks.append(self._flights.depart(question))
        self._flights.sync()
        for ask in asks:
            self._workers.submit(ask.call_id, ask)

    def _may_send(self) -> bool:
        return self._ending is None and self._flights.awaited < self._session.limits.parallel

    def _ready(self) -> Question | None:
        """The next question whose time has come; while a probe is out, nothing but the probe."""
        at = time.monotonic()
        for _ in range(len(self._pile)):
            question = self._pile.popleft()
            if question.not_before <= at and (question.probe or self._doubt is None):
                return question
            self._pile.append(question)
        return None

    # --- what has arrived -------------------------------------------------------------------------------------------

    def _take_in(self, arrived: Iterable[Event]) -> None:
        for event in arrived:
            flying = self._flights.find(event.key)
            if flying is None:
                continue
            match event:
                case Emitted(value=Answer() as answer):
                    self._flights.paid(flying, answer)
                    self.meters = answer.meters
                case Finished(value=outcome):
                    self._ended(flying, outcome)  # type: ignore[arg-type] # the handler returns outcomes
                case Lost(reason=reason):
                    self._lost(flying, reason)

    def _ended(self, flying: Flying, outcome: Outcome) -> None:
        maybe = isinstance(outcome, Retryable) and outcome.maybe_paid
        self._flights.land(flying, "maybe_paid" if maybe else "unpaid", _reason(outcome))
        self._conclude(flying, outcome)

    def _lost(self, flying: Flying, reason: str) -> None:
        """A worker died. Its answer may have come before it: then it is read here, as a rescue would."""
        self._flights.land(flying, "worker_lost", reason)
        self._conclude(flying, read(flying.call, self._wave.rubric) or Discarded("invalid", reason))

    def _conclude(self, flying: Flying, outcome: Outcome) -> None:
        """The request is over: what it yields is due, what follows from it goes on the pile."""
        if flying.question.probe:
            self._probed(outcome)
            self.settled.append(Settled(flying.call))
            return
        if isinstance(outcome, Answered):
            self._heard = self._heard_in_pass = True
        self._due += parts_of(self._wave.manifest, flying.call.sent, outcome)
        decision = decide(
            flying.question.this,
            outcome,
            chain=self._backend.models,
            budget=flying.budget,
            jitter=self._jitter.random(),
        )
        self._judge_provider(flying, outcome, decision)
        self._ask_again(flying.question, decision)
        self.settled.append(Settled(_slim(flying.call, decision), decision))

    def _write_parts(self) -> None:
        for part in self._due:
            self._wave.parts.write(part)
            self.have.add((part.entity_key, part.input_hash))
        if self._due:
            self._due.clear()
            self._session.watcher.advanced(len(self.have))

    # --- what follows -----------------------------------------------------------------------------------------------

    def _judge_provider(self, flying: Flying, outcome: Outcome, decision: Decision) -> None:
        """Does this outcome say something about the provider rather than about the items?"""
        match outcome:
            case Snoozed(until=until, reason=reason):
                self._stop(snooze(self._session, until, reason, outcome), self._backend.timeout)
                return
            case Fatal():
                self._fail(outcome)
                return
            case Discarded(kind="invalid", reason=reason) if not self._heard and _was_refused(flying.call):
                self._suspect(f"the provider calls our requests invalid: {reason}")
        down = speaks_for_outage(outcome)
        keys = frozenset(item.entity_key for item in flying.question.items.values())
        self._seen.append(Seen(keys, down))
        if is_outage(tuple(self._seen), self._session.limits.snooze_error_rate):
            self._suspect(_reason(outcome))
        if down:
            left = [flying.question.items[short_id] for short_id in decision.left]
            self.unanswered += [
                Failure(*item.identity, _reason(outcome), None, flying.call.sent.call_id) for item in left
            ]

    def _ask_again(self, question: Question, decision: Decision) -> None:
        at = time.monotonic()
        more = [
            Question(again, {short_id: question.items[short_id] for short_id in again.short_ids}, at + again.wait)
            for again in decision.again
        ]
        if more:
            self._wave.folder.write_batches([list(one.items.values()) for one in more])
            self._pile.extendleft(reversed(more))

    def _suspect(self, reason: str) -> None:
        """Is it the provider, or these items? The rubric's own first example tells; nothing else goes out meanwhile."""
        if self._doubt is not None or self._ending is not None:
            return
        self._seen.clear()
        if not self._wave.rubric.examples:
            self._stop(snooze(self._session, None, reason), self._backend.timeout)
            return
        self._doubt = reason
        self._session.log.write("probe", reason=reason)
        self._pile.appendleft(Question(Try((), self._backend.models[0]), {}, probe=True))

    def _probed(self, outcome: Outcome) -> None:
        doubt, self._doubt = self._doubt or "", None
        match outcome:
            case Answered():
                self._heard = self._heard_in_pass = True
            case Discarded(kind="invalid"):
                hint = "Check model, base_url and the rubric's schema: not even its first example is accepted."
                self._fail(Fatal("configuration", f"backend {self._backend.name}: {doubt}", hint))
            case Fatal():
                self._fail(outcome)
            case Snoozed(until=until, reason=reason):
                self._stop(snooze(self._session, until, reason, outcome), self._backend.timeout)
            case _:
                self._stop(snooze(self._session, None, doubt), self._backend.timeout)

    def _alone_with_failures(self) -> bool:
        return bool(self.unanswered) and not self._heard_in_pass and self._ending is None

    # --- stopping ---------------------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        self._guard.look()
        if self._session.stop.reason is not None and self._ending is None:
            self._stop(Ending("interrupted", self._session.stop.reason), PATIENCE)

    def _fail(self, fatal: Fatal) -> None:
        kind = CredentialsError if fatal.kind == "credentials" else ConfigurationError
        self._fault = self._fault or kind(fatal.message, fatal.hint)
        self._stop(Ending("failed", fatal.message), PATIENCE)

    def _stop(self, ending: Ending, patience: float) -> None:
        """Send nothing more; what is in flight may still be answered for so many seconds, because it may be paid."""
        self._ending = self._ending or ending
        self._give_up_at = min(self._give_up_at, time.monotonic() + patience)

    def _give_up_rest(self) -> None:
        self.settled += [Settled(call) for call in self._flights.give_up("no answer before this fire had to end")]
        self._flights.sync()
        self._pile.clear()
        self._write_parts()


def _was_refused(call: Call) -> bool:
    """The provider said no, rather than our worker having died."""
    return call.ended is not None and call.ended.fate == "unpaid"


def _slim(call: Call, decision: Decision) -> Call:
    """The raw answer is kept only where somebody may want to look into it: a wave's memory stays small."""
    if call.paid is None or decision.failed or decision.refused:
        return call
    return replace(call, paid=replace(call.paid, raw=""))


def _reason(outcome: Outcome) -> str:
    return getattr(outcome, "reason", None) or getattr(outcome, "message", None) or "no answer"
