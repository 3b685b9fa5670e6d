"""The loop that keeps as many requests in flight as the limits and the provider's pace allow, and makes every answer
durable before it does anything else with it.

The order, for all that has arrived: journal `paid`; journal `sent` for the requests that go out next; one fsync for
both; hand the new requests to the workers; write the parts. Only the runner writes, and only the runner decides.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from waves.config.project import BackendConfig
from waves.errors import WaveError
from waves.executors.events import Emitted, Event, Finished, Lost
from waves.executors.processes import Processes
from waves.ids import now
from waves.models import Item, Meter
from waves.outcomes import Answer, Answered, Fatal, Outcome, Retryable, Snoozed
from waves.quota.pacing import Pace
from waves.steps.budget.snooze import needs_probe, snooze_backend, wake_after_snooze
from waves.steps.budget.window_evidence import is_exhaustion, rejected_in, share_used_ending
from waves.steps.requests.in_flight import (
    InFlight,
    InFlightRequests,
    PendingRequest,
    first_requests,
    follow_up,
    short_ids,
)
from waves.steps.requests.model_choice import ModelChoice
from waves.steps.requests.outage import OutageDetector, probe_fault, reason_of, unknown_fault
from waves.steps.requests.part_writer import PartWriter
from waves.steps.requests.policy import (
    Decision,
    bound_of_max_tokens,
    decide,
    end_of_429,
    other_model,
    speaks_for_outage,
    without_trust,
    worth_waiting,
)
from waves.steps.requests.sender import RequestSender
from waves.steps.requests.settlement import PassResult, SettledCall, outcome_of_call, parts_of, settled_call
from waves.steps.requests.stopping import StopControl
from waves.steps.requests.unusable import is_unusable
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave

POLL = 0.25
"""Seconds between checks of signals and locks while nothing arrives."""


class RequestLoop:
    """Asks for items of one wave, pass by pass."""

    def __init__(
        self,
        session: Session,
        wave: Wave,
        guard: Guard,
        backend: BackendConfig,
        workers: Processes,
        in_flight: InFlightRequests,
    ) -> None:
        self._session = session
        self._wave = wave
        self._backend = backend
        self._workers = workers
        self._in_flight = in_flight
        self._pace = Pace(session.limits.parallel)
        self._stop = StopControl(session.stop, guard)
        self._models = ModelChoice(session, backend)
        self._outage = OutageDetector(session.limits.snooze_error_rate, backend.models[0], session.log)
        self._sender = RequestSender(
            workers, in_flight, self._pace, self._outage, self._models, self._stop, backend.timeout
        )
        self._jitter = random.Random()  # noqa: S311 - spreads requests, keeps no secret
        self._short_ids = short_ids()
        self._parts = PartWriter(wave.parts)
        self._settled: list[SettledCall] = []
        self._meters: Sequence[Meter] = ()
        self._have = 0

    def ask(self, batches: Iterable[Sequence[Item]], have: int) -> PassResult:
        """One pass: ask each batch, and ask again for what yielded nothing to store. `have` is the number of parts that
        the wave has already, for the progress bar."""
        self._have, self._parts, self._settled = have, PartWriter(self._wave.parts), []
        self._sender.add(first_requests(batches, self._models.current, self._short_ids))
        fault: WaveError | None = None
        try:
            if needs_probe(self._session):
                self._outage.probe("its snooze has ended")
            self._keep_asking()
            self._give_up_rest()
        except WaveError as raised:
            # what is still in flight counts against the caps of others until this wave's journals are read again
            self._settled += [settled_call(call) for call in self._in_flight.calls]
            fault = raised
        ending, fault = self._stop.ending, fault or self._stop.fault
        unanswered, withdrawn = self._outage.take_unanswered(), self._outage.take_withdrawn()
        answered, parts = self._outage.something_accepted, self._parts.written
        return PassResult(ending, fault, self._settled, unanswered, withdrawn, answered, parts, self._meters)

    def _keep_asking(self) -> None:
        arrived: list[Event] = []
        while self._sender.something_left or arrived:
            self._take_in(arrived)
            self._stop.check()
            self._sender.send()
            if self._stop.over(len(self._in_flight)):
                return
            arrived = self._workers.events(0 if self._parts.pending else POLL)
            self._write_parts()
            if not (self._sender.something_left or arrived) and self._stop.ending is None:
                self._outage.end_of_queue()

    def _take_in(self, arrived: Iterable[Event]) -> None:
        for event in arrived:
            if (request := self._in_flight.find(event.key)) is not None:
                with self._stop.deferring_faults(self._backend.timeout):
                    self._take(request, event)

    def _take(self, request: InFlight, event: Event) -> None:
        match event:
            case Emitted(value=Answer() as answer):
                self._in_flight.paid(request, answer)
                self._meters = answer.meters
                if (used_up := share_used_ending(self._session.backend, answer.meters, now())) is not None:
                    self._stop.end(used_up, self._backend.timeout)
                if (on_overage := rejected_in(answer.meters)) is not None and not self._backend.overage:
                    self._sleep(on_overage.resets_at, f"{on_overage.limit} is used up, and answers cost money")
            case Finished(value=outcome):
                self._finished(request, outcome)  # type: ignore[arg-type] # the handler returns outcomes
            case Lost(reason=reason):
                self._lost(request, reason)

    def _finished(self, request: InFlight, outcome: Outcome) -> None:
        maybe = isinstance(outcome, Retryable | Snoozed) and outcome.maybe_paid
        self._in_flight.end(request, "maybe_paid" if maybe else "unpaid", reason_of(outcome))
        self._settle(request, outcome)

    def _lost(self, request: InFlight, reason: str) -> None:
        """A worker died. If the answer came before that, it is interpreted here, as a rescue would do it."""
        self._in_flight.end(request, "worker_lost", reason)
        outcome = outcome_of_call(request.call, self._wave.rubric)
        self._settle(request, outcome or Retryable("lost", reason, maybe_paid=True))

    def _settle(self, request: InFlight, outcome: Outcome) -> None:
        """The request is over: keep what it yields, and queue what follows from it."""
        decision = None
        try:
            if isinstance(outcome, Snoozed):
                if request.pending.probe and outcome.unknown_text:
                    self._stop.fail(unknown_fault(outcome, self._backend.name))
                self._rate_limited(request.pending, outcome)
                return
            if (model := other_model(request.pending.next_try, outcome, self._models.chain)) is not None:
                self._sender.put_back(self._models.moved_on(request.pending, model, reason_of(outcome)))
                return
            self._pace.heard(outcome, request.meters, time.monotonic(), now())
            if isinstance(outcome, Answered) and outcome.labelled:
                self._models.answered(request.pending.next_try.model)
            decision = (self._follow_probe if request.pending.probe else self._follow)(request, outcome)
        finally:
            self._settled.append(settled_call(request.call, decision, unusable=is_unusable(outcome)))

    def _follow(self, request: InFlight, outcome: Outcome) -> Decision:
        self._parts.add(parts_of(self._wave.manifest, request.call.sent, outcome))
        decision = self._decide(request, outcome)
        if isinstance(outcome, Fatal):
            self._stop.fail(outcome.as_error())
        if self._stop.ending is None:
            self._outage.observe(request, outcome)
        if is_unusable(outcome):
            self._outage.give_up(request, [each.short_id for each in (*decision.failed, *decision.refused)])
        self._ask_again(request, outcome, decision)
        return decision

    def _write_parts(self) -> None:
        if self._parts.write():
            self._session.watcher.advanced(self._have + len(self._parts.written))

    def _rate_limited(self, pending: PendingRequest, refused: Snoozed) -> None:
        """Too many requests: the pace waits, another model is asked, or the backend is snoozed; always the last if its
        window is exhausted, even if that ends soon. None of this counts against the items."""
        this, moment = pending.next_try, now()
        exhausted = is_exhaustion(self._session.backend, refused, moment)
        if not exhausted and worth_waiting(this, refused, now=moment, timeout=self._backend.timeout):
            refused = replace(refused, until=end_of_429(this, refused, moment))
            self._pace.heard(refused, refused.meters, time.monotonic(), moment)
            self._sender.put_back(replace(pending, next_try=replace(this, waits=this.waits + 1)))
        elif not exhausted and (model := other_model(this, refused, self._models.chain)) is not None:
            self._sender.put_back(self._models.moved_on(pending, model, refused.reason))
        else:
            self._sleep(refused.until, refused.reason, refused)

    def _decide(self, request: InFlight, outcome: Outcome) -> Decision:
        this, chain = request.pending.next_try, self._models.chain
        if (bound := bound_of_max_tokens(outcome)) is not None:
            self._in_flight.learn_longest_answer(bound)
        sent, ceiling, jitter = request.max_tokens, self._in_flight.longest, self._jitter.random()
        decision = decide(this, outcome, chain=chain, max_tokens=sent, jitter=jitter, ceiling=ceiling)
        trusted = request.pending.probe or self._models.trusted(this.model)
        return decision if trusted else without_trust(this, decision, chain)

    def _follow_probe(self, request: InFlight, outcome: Outcome) -> Decision:
        """A probe has the tries of any other request, and goes down the chain of models: only if none of them answers,
        nothing else can work. What it yields is not stored, but proves that answers are of use."""
        this, must_be_usable = request.pending.next_try, self._outage.must_be_usable
        decision = self._decide(request, outcome)
        silent = speaks_for_outage(outcome) or self._outage.proves_nothing(outcome)
        fault = probe_fault(outcome, self._backend.name, must_be_usable=must_be_usable)
        if (fault is not None or silent) and not isinstance(outcome, Fatal):
            following = decision.again[0] if decision.again else self._models.next_probe(this)
            if following is not None:
                self._outage.put_back(replace(request.pending, next_try=following))
                return Decision()
        reason = self._outage.probe_ended()
        if fault is not None:
            self._stop.fail(fault)
        elif silent:
            self._sleep(None, reason)
        else:
            self._models.use(this.model, reason)
            wake_after_snooze(self._session)
            self._sender.add(self._outage.provider_works(outcome, self._models.before(this.model)))
        return Decision(accepted=decision.accepted)

    def _sleep(self, until: datetime | None, reason: str, refused: Snoozed | None = None) -> None:
        """Only the first of many requests that meet the same limit snoozes the backend."""
        if self._stop.ending is None:
            self._stop.end(snooze_backend(self._session, until, reason, refused), self._backend.timeout)

    def _ask_again(self, request: InFlight, outcome: Outcome, decision: Decision) -> None:
        pending, answers_before = request.pending, request.pending.answers_before
        if speaks_for_outage(outcome):
            answers_before = self._outage.answers_before(pending)
        if speaks_for_outage(outcome) or is_unusable(outcome):
            self._outage.leave_unanswered(request, decision.left, reason_of(outcome))
        again = [follow_up(pending, this, answers_before, time.monotonic()) for this in decision.again]
        if again:
            self._wave.folder.write_batches([list(following.items.values()) for following in again])
            back = [each for each in again if each.next_try.returned and not pending.next_try.returned]
            self._sender.add(back)  # at the end: the model that they go back to did not answer just now
            self._sender.add_first([each for each in again if each not in back])

    def _give_up_rest(self) -> None:
        """The pass ends: requests that are still in flight are recorded as maybe paid, and nothing stays queued."""
        rest = self._in_flight.end_all("no answer before this fire had to end")
        self._settled += [SettledCall(call) for call in rest]
        self._in_flight.sync()
        self._sender.clear()
        self._write_parts()
