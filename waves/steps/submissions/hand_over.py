"""Requests → batches at the provider. Their intent is on disk before they go out, their ticket as soon as it is known.

Requests that were handed over count against the caps until their end is known: a fault in between must not hide their
cost from other fires.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping

from waves.backends.message_batches.service import MOST_BYTES, MOST_REQUESTS, MessageBatches, size_of
from waves.backends.message_batches.wire import Batch, Problem
from waves.backends.prompt import Prompt
from waves.calls import Call, Ended, Intent, Ticket
from waves.ids import now
from waves.models import Ending
from waves.quota.budget import Budget
from waves.spool.journal import Journal
from waves.steps.budget.caps import open_budget
from waves.steps.budget.snooze import wake_after_snooze
from waves.steps.requests.model_choice import ModelChoice
from waves.steps.requests.settlement import SettledCall, record_calls
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Progress, Wave
from waves.steps.submissions.endings import problem_ending, submitted_ending
from waves.steps.submissions.lookup import custom_id
from waves.steps.submissions.refused_model import refused_at_once
from waves.steps.submissions.rounds import BatchRequest, plan_round, prior_rounds, round_requests
from waves.store.tables import verdicts

Sized = tuple[BatchRequest, bytes]
"""A request and its body."""


def hand_over_missing(
    session: Session,
    wave: Wave,
    guard: Guard,
    provider: MessageBatches,
    progress: Progress,
    journal: Journal,
    models: ModelChoice,
) -> Ending | None:
    """Submit the missing items. Returns None if there is nothing to submit: none is missing, or only items that were
    asked for often enough, which are released. If the provider takes nothing for the model, the next one is asked."""
    before = prior_rounds(wave.folder.history(), wave.rubric, progress.missing, models.current)
    plan = plan_round(progress, before, session.limits)
    verdicts.release(
        session.db,
        wave.wave_id,
        [item.identity for item in plan.exhausted],
        reason=f"nothing to store after {session.limits.passes + 1} submissions",
    )
    requests = round_requests(plan, before, wave, session.backend, models.current)
    affordable = AffordableRequests(open_budget(session, wave), requests)
    prompt, hand_over = (
        Prompt(wave.rubric, session.backend.max_tokens),
        HandOver(session, wave, guard, provider, journal),
    )
    handed_over = False
    for group in _groups((request, prompt.body(request.ask)) for request in affordable):
        match hand_over.submit(group):
            case Ending() as ending:
                return ending
            case Problem() as problem:
                if handed_over or not _use_next_model(models, problem):
                    return problem_ending(session, problem)
                return hand_over_missing(session, wave, guard, provider, progress, journal, models)
        handed_over = True
    if handed_over:
        return submitted_ending(wave)
    return Ending("over_budget", affordable.denied) if affordable.denied else None


def _use_next_model(models: ModelChoice, problem: Problem) -> bool:
    """Whether there is another model to hand over to, after one for which the provider took nothing."""
    reason, model = refused_at_once(problem), models.after(models.current)
    if reason is None or model is None:
        return False
    models.use(model, reason)
    return True


class HandOver:
    """Submits groups of requests, each as one batch."""

    def __init__(self, session: Session, wave: Wave, guard: Guard, provider: MessageBatches, journal: Journal) -> None:
        self._session = session
        self._wave = wave
        self._guard = guard
        self._provider = provider
        self._journal = journal

    def submit(self, group: list[Sized]) -> Ending | Problem | None:
        """Submit the group. Returns None once the provider has taken it, a Problem if it took none of it. The provider
        is asked for the time first, which also shows whether it accepts our key."""
        self._guard.check()
        if (ending := self._session.stop.ending) is not None:
            return ending
        at = self._provider.clock()
        if isinstance(at, Problem):
            return problem_ending(self._session, at)
        calls = tuple(request.sent.call_id for request, _ in group)
        intent = Intent(secrets.token_hex(8), self._session.backend.name, calls, at)
        self._journal.intent(intent)
        for request, _ in group:
            self._journal.sent(request.sent)
        self._journal.sync()
        self._record(group)
        reply = self._provider.submit([(custom_id(intent, number), body) for number, (_, body) in enumerate(group)])
        return self._replied(intent, group, reply)

    def _replied(self, intent: Intent, group: list[Sized], reply: Batch | Problem) -> Ending | Problem | None:
        log, wave_id = self._session.log, self._wave.wave_id
        match reply:
            case Batch(batch_id=batch_id):
                self._journal.ticket(Ticket(intent.intent, batch_id, now()))
                self._journal.sync()
                wake_after_snooze(self._session)
                log.write("submitted", wave=wave_id, batch=batch_id, intent=intent.intent, requests=len(group))
                return None
            case Problem(arrived=True):
                log.write("reply_lost", wave=wave_id, intent=intent.intent)
                return submitted_ending(self._wave)
            case Problem():
                self._refused(group)
                return reply

    def _refused(self, group: list[Sized]) -> None:
        """The provider took none of the group: nothing can be paid."""
        ended = {
            request.sent.call_id: Ended(request.sent.call_id, "unpaid", "the submission was refused", now())
            for request, _ in group
        }
        for end in ended.values():
            self._journal.ended(end)
        self._journal.sync()
        self._record(group, ended)

    def _record(self, group: list[Sized], ended: Mapping[str, Ended] | None = None) -> None:
        ends = ended or {}
        run_id = self._session.run_id
        calls = [Call(request.sent, run_id, ended=ends.get(request.sent.call_id)) for request, _ in group]
        record_calls(self._session, self._wave.manifest, [SettledCall(call) for call in calls])


class AffordableRequests:
    """The requests that the budget covers, in their order. `denied` says why it does not cover the next one."""

    def __init__(self, budget: Budget, requests: Iterator[BatchRequest]) -> None:
        self._budget = budget
        self._requests = requests
        self._denied: str | None = None

    @property
    def denied(self) -> str | None:
        return self._denied

    def __iter__(self) -> Iterator[BatchRequest]:
        for request in self._requests:
            self._denied = self._budget.reserve(request.sent.call_id, request.sent.reserved_usd)
            if self._denied is not None:
                return
            yield request


def _groups(sized: Iterable[Sized]) -> Iterator[list[Sized]]:
    """Split into groups of as many requests as one batch may hold."""
    group: list[Sized] = []
    size = 0
    for request, body in sized:
        if group and (len(group) == MOST_REQUESTS or size + size_of(body) > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append((request, body))
        size += size_of(body)
    if group:
        yield group
