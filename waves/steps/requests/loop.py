"""The loop that keeps requests in flight, as many as limits and the provider's pace allow, and makes every answer
durable before anything is done with it.

In this order, for whatever has arrived: journal `paid`; journal `sent` for what goes out next; one fsync for both; hand
the new requests to the workers; write the parts. The runner alone writes, and alone decides.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from waves.calls import Call
from waves.config.project import BackendConfig
from waves.executors.events import Emitted, Event, Finished, Lost
from waves.executors.processes import Processes
from waves.ids import now
from waves.models import Ending, Identity, Item, Meter, Part
from waves.outcomes import Answer, Ask, Outcome, Retryable, Snoozed
from waves.quota.budget import Budget
from waves.quota.pacing import Pace
from waves.spool.journal import Journal
from waves.steps.budget.window_evidence import is_exhaustion, share_is_used
from waves.steps.requests.in_flight import Denied, InFlight, InFlightRequests, PendingRequest, first_request
from waves.steps.requests.outage import OutageDetector, reason_of
from waves.steps.requests.policy import Decision, decide, speaks_for_outage, worth_waiting
from waves.steps.requests.queue import RequestQueue
from waves.steps.requests.settlement import SettledCall, outcome_of_call, parts_of
from waves.steps.requests.stopping import StopControl
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave

GLANCE = 0.25
"""Seconds between looks at signals and locks while nothing arrives."""


class RequestLoop:
    """Asks for items of one wave, pass by pass. `have` are the ids with a part; `settled` what ended since the caller
    last took it; `meters` those of the newest answer."""

    def __init__(
        self,
        session: Session,
        wave: Wave,
        guard: Guard,
        backend: BackendConfig,
        workers: Processes,
        journal: Journal,
        budget: Budget,
    ) -> None:
        self._session = session
        self._wave = wave
        self._backend = backend
        self._workers = workers
        self._flights = InFlightRequests(wave, session.backend, session.run_id, journal, budget)
        self._pile = RequestQueue(workers.size)
        self._pace = Pace(session.limits.parallel)
        self._halt = StopControl(session, guard)
        self.doubt = OutageDetector(session, backend, self._pile, self._halt)
        self._due: list[Part] = []
        self._jitter = random.Random()  # noqa: S311 - spreads requests, keeps no secret
        self.have: set[Identity] = set()
        self.settled: list[SettledCall] = []
        self.meters: Sequence[Meter] = ()

    def ask(self, batches: Iterable[Sequence[Item]]) -> Ending | None:
        """One pass over the batches: ask each, and once more what yielded nothing to store. An ending where the fire
        has to stop; raises the fault of a backend that cannot work until a person mends it."""
        self._pile.add(first_request(batch, self._backend.models[0]) for batch in batches)
        self.doubt.begin()
        arrived: list[Event] = []
        while self._pile or len(self._flights) or arrived:
            self._take_in(arrived)
            self._halt.look()
            self._send()
            if self._halt.over(len(self._flights)):
                break
            arrived = self._workers.events(0 if self._due else GLANCE)
            self._write_parts()
            if not (self._pile or len(self._flights) or arrived):
                self.doubt.end()
        self._give_up_rest()
        return self._halt.ending_or_fault()

    def abandoned(self) -> list[SettledCall]:
        """What was in flight when a fault ended the loop. Entered as it stands, it counts against the caps of others
        until this wave's journals are read again."""
        return [SettledCall(_slim(call, None)) for call in self._flights.calls]

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Fill the free places; nothing leaves before its `sent` line, and what was paid, is on disk."""
        asks, at = [], time.monotonic()
        places = self._places(at)
        while self._flights.awaited < places and (question := self._next(at)) is not None:
            ask = self._depart(question)
            if ask is None:
                self._put_back(question)
                break
            asks.append(ask)
        self._flights.sync()
        for ask in asks:
            self._workers.submit(ask.call_id, ask)

    def _depart(self, question: PendingRequest) -> Ask | None:
        """None where there is no money for it. What is in flight has reserved more than it will cost: only after its
        answers is the money really used up."""
        with self._halt.heeding(self._backend.timeout):
            ask = self._flights.depart(question, self.doubt.answers)
            if not isinstance(ask, Denied):
                return ask
            if not len(self._flights):
                self._halt.stop(Ending("over_budget", ask.reason))
        return None

    def _places(self, at: float) -> int:
        """How many requests may be in flight. Where meters alone would hold us back for longer than an answer may take,
        one goes out all the same: what the provider says to it decides whether the backend sleeps."""
        if self._halt.ending is not None:
            return 0
        return self._pace.places(at) or (1 if self._pace.places(at + self._backend.timeout) == 0 else 0)

    def _next(self, at: float) -> PendingRequest | None:
        if self.doubt.open:
            probe, self._pile.probe = self._pile.probe, None
            return probe
        return self._pile.take(at, len(self._flights))

    def _put_back(self, question: PendingRequest) -> None:
        if question.probe:
            self._pile.probe = question
        else:
            self._pile.add_first([question])

    # --- what has arrived -------------------------------------------------------------------------------------------

    def _take_in(self, arrived: Iterable[Event]) -> None:
        for event in arrived:
            if (flying := self._flights.find(event.key)) is not None:
                with self._halt.heeding(self._backend.timeout):
                    self._take(flying, event)

    def _take(self, flying: InFlight, event: Event) -> None:
        match event:
            case Emitted(value=Answer() as answer):
                self._flights.paid(flying, answer)
                self.meters = answer.meters
                if (used := share_is_used(self._session.backend, answer.meters, now())) is not None:
                    self._halt.stop(used, self._backend.timeout)
            case Finished(value=outcome):
                self._ended(flying, outcome)  # type: ignore[arg-type] # the handler returns outcomes
            case Lost(reason=reason):
                self._lost(flying, reason)

    def _ended(self, flying: InFlight, outcome: Outcome) -> None:
        maybe = isinstance(outcome, Retryable | Snoozed) and outcome.maybe_paid
        self._flights.land(flying, "maybe_paid" if maybe else "unpaid", reason_of(outcome))
        self._conclude(flying, outcome)

    def _lost(self, flying: InFlight, reason: str) -> None:
        """A worker died. Its answer may have come before it: then it is read here, as a rescue would."""
        self._flights.land(flying, "worker_lost", reason)
        self._conclude(
            flying, outcome_of_call(flying.call, self._wave.rubric) or Retryable("lost", reason, maybe_paid=True)
        )

    def _conclude(self, flying: InFlight, outcome: Outcome) -> None:
        """The request is over: what it yields is due, what follows from it goes on the pile."""
        decision = None
        try:
            if isinstance(outcome, Snoozed):
                self._refused(flying.question, outcome)
                return
            self._pace.heard(outcome, flying.meters, time.monotonic(), now())
            if flying.question.probe:
                self.doubt.probed(outcome)
            else:
                decision = self._follow(flying, outcome)
        finally:
            self.settled.append(SettledCall(_slim(flying.call, decision), decision))

    def _follow(self, flying: InFlight, outcome: Outcome) -> Decision:
        self._due += parts_of(self._wave.manifest, flying.call.sent, outcome)
        decision = decide(
            flying.question.this,
            outcome,
            chain=self._backend.models,
            budget=flying.budget,
            jitter=self._jitter.random(),
        )
        self.doubt.judge(flying.question, outcome)
        self._ask_again(flying, outcome, decision)
        return decision

    def _write_parts(self) -> None:
        for part in self._due:
            self._wave.parts.write(part)
            self.have.add((part.entity_key, part.input_hash))
        if self._due:
            self._due.clear()
            self._session.watcher.advanced(len(self.have))

    # --- what follows -----------------------------------------------------------------------------------------------

    def _refused(self, question: PendingRequest, refused: Snoozed) -> None:
        """Too many requests: the pace waits, or the backend sleeps, as it does to the end of its window however soon
        that is. Neither is the items' fault."""
        worth = worth_waiting(question.this, refused, now=now(), timeout=self._backend.timeout)
        if not worth or is_exhaustion(self._session.backend, refused, now()):
            self.doubt.sleep(refused.until, refused.reason, refused)
            return
        self._pace.heard(refused, refused.meters, time.monotonic(), now())
        self._put_back(replace(question, this=replace(question.this, waits=question.this.waits + 1)))

    def _ask_again(self, flying: InFlight, outcome: Outcome, decision: Decision) -> None:
        question, at, since = flying.question, time.monotonic(), flying.question.since
        if speaks_for_outage(outcome):
            since = self.doubt.since(question)
            self.doubt.leave(flying, decision.left, reason_of(outcome))
        more = [
            PendingRequest(
                again,
                {short_id: question.items[short_id] for short_id in again.short_ids},
                not_before=at + again.wait if again.wait else 0.0,
                since=since,
            )
            for again in decision.again
        ]
        if more:
            self._wave.folder.write_batches([list(one.items.values()) for one in more])
            self._pile.add_first(more)

    def _give_up_rest(self) -> None:
        self.settled += [SettledCall(call) for call in self._flights.give_up("no answer before this fire had to end")]
        self._flights.sync()
        self._pile.clear()
        self._write_parts()


def _slim(call: Call, decision: Decision | None) -> Call:
    """The raw answer is kept only where somebody may want to look into it: a wave's memory stays small."""
    if call.paid is None or (decision is not None and (decision.failed or decision.refused)):
        return call
    return replace(call, paid=replace(call.paid, raw=""))
