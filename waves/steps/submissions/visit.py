"""One visit to the provider of a wave's submissions: look, fetch, then hand over what is missing.

Nothing is written, not even a journal made, while there is nothing to do but to wait.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

from waves.backends.message_batches.service import MOST_BYTES, MOST_REQUESTS, MessageBatches, size_of
from waves.backends.message_batches.wire import Batch, Problem
from waves.backends.prompt import Prompt
from waves.calls import Call, Ended, Intent, Ticket
from waves.errors import ConfigurationError, CredentialsError
from waves.ids import now
from waves.models import Ending
from waves.outcomes import Discarded, Fatal, Retryable, Snoozed
from waves.quota.budget import Budget
from waves.spool.history import Submission
from waves.spool.journal import Journal
from waves.steps.budget.caps import open_budget
from waves.steps.budget.snooze import awake, needs_probe, snooze
from waves.steps.requests.settlement import SettledCall, read_progress, record_settled
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Progress, Wave
from waves.steps.submissions import rounds as questions
from waves.steps.submissions.lookup import Over, Ready, Running, SubmissionState, custom_id, look_up
from waves.steps.submissions.progress import submission_progress
from waves.steps.submissions.results import Results
from waves.steps.submissions.rounds import BatchRequest
from waves.store.tables import verdicts, waves

Sized = tuple[BatchRequest, bytes]


class SubmissionVisit:
    def __init__(self, session: Session, wave: Wave, guard: Guard, provider: MessageBatches) -> None:
        self._session = session
        self._wave = wave
        self._guard = guard
        self._provider = provider

    def pay(self) -> Ending | None:
        """None once the wave has converged and nothing of it is in flight."""
        return self._step(self._ask_further)

    def fetch(self) -> Ending | None:
        """None once nothing of the wave is in flight; nothing more is handed over."""
        return self._step(lambda _stands, _journal: None)

    def _step(self, go_on: Callable[[Progress, Journal], Ending | None]) -> Ending | None:
        findings = self._look()
        if any(not isinstance(finding, Over | Problem) for _, finding in findings):
            self._well()
        waiting = [finding for _, finding in findings if isinstance(finding, Running)]
        if findings and len(waiting) == len(findings):
            return self._leave(self._submitted(waiting[0].reason))
        with closing(self._wave.folder.new_journal(self._session.run_id)) as journal:
            ending = self._fetch(findings, journal)
            progress = read_progress(self._session, self._wave)
            self._session.watcher.advanced(len(progress.parts))
            if ending is None and not waiting:
                ending = go_on(progress, journal)
        self._wave.parts.sync()
        return self._leave(self._submitted(waiting[0].reason) if ending is None and waiting else ending)

    # --- looking and fetching ---------------------------------------------------------------------------------------

    def _look(self) -> list[tuple[Submission, SubmissionState]]:
        history = self._wave.folder.history()
        ticketed = {one.batch_id for one in history.submissions if one.batch_id is not None}
        findings = []
        for submission in history.unfinished:
            found = look_up(self._provider, submission, ticketed)
            if isinstance(found, Ready):
                ticketed.add(found.batch_id)
            self._session.log.write("looked", wave=self._wave.wave_id, batch=submission.batch_id, found=_word(found))
            findings.append((submission, found))
        return findings

    def _fetch(self, findings: Iterable[tuple[Submission, SubmissionState]], journal: Journal) -> Ending | None:
        """All that is ready, also where something else is wrong: it is paid for."""
        problem: Problem | None = None
        for submission, finding in findings:
            self._guard.look()
            results = Results(self._session, self._wave, journal, submission)
            match finding:
                case Ready():
                    results.take(self._provider, finding)
                    problem = problem or results.problem
                case Over(fate=fate, reason=reason):
                    results.end(fate, reason)
                case Problem():
                    problem = problem or finding
                case Running():
                    pass
            if self._session.stop.reason is not None:
                return Ending("interrupted", self._session.stop.reason)
        return self._troubled(problem) if problem is not None else None

    # --- handing over -----------------------------------------------------------------------------------------------

    def _ask_further(self, progress: Progress, journal: Journal) -> Ending | None:
        """Hand over what is missing; None where nothing is, or only what was asked for often enough."""
        session, wave = self._session, self._wave
        before = questions.prior_rounds(wave.folder.history(), wave.rubric, progress.missing)
        planned = questions.plan_round(progress, before, session.limits)
        verdicts.release(
            session.db,
            wave.wave_id,
            [item.identity for item in planned.exhausted],
            reason=f"nothing to store after {session.limits.passes + 1} submissions",
        )
        asked = AffordableRequests(
            open_budget(session, wave), questions.requests(planned, before, wave, session.backend)
        )
        prompt = Prompt(wave.rubric)
        submitted: Ending | None = None
        for group in _groups((request, prompt.body(request.ask)) for request in asked):
            if (ending := self._submit(group, journal)) is not None:
                return ending
            submitted = self._submitted()
        return submitted or (Ending("over_budget", asked.denied) if asked.denied else None)

    def _submit(self, group: list[Sized], journal: Journal) -> Ending | None:
        """The provider is asked for the time first, which also tells whether it takes our key at all."""
        self._guard.look()
        if self._session.stop.reason is not None:
            return Ending("interrupted", self._session.stop.reason)
        at = self._provider.clock()
        if isinstance(at, Problem):
            return self._troubled(at)
        intent = Intent(
            secrets.token_hex(8), self._session.backend.name, tuple(request.sent.call_id for request, _ in group), at
        )
        journal.intent(intent)
        for request, _ in group:
            journal.sent(request.sent)
        journal.sync()
        # first, because a fault while it is handed over must not hide from other fires what it may cost
        self._book(group)
        told = self._provider.submit([(custom_id(intent, number), body) for number, (_, body) in enumerate(group)])
        match told:
            case Batch(batch_id=batch_id):
                journal.ticket(Ticket(intent.intent, batch_id, now()))
                journal.sync()
                self._well()
                self._session.log.write(
                    "submitted", wave=self._wave.wave_id, batch=batch_id, intent=intent.intent, requests=len(group)
                )
                return None
            case Problem(arrived=True):
                self._session.log.write("reply_lost", wave=self._wave.wave_id, intent=intent.intent)
                return self._submitted()
            case Problem():
                self._refused(group, journal)
                return self._troubled(told)

    def _refused(self, group: list[Sized], journal: Journal) -> None:
        """A clear no: nothing of it can be paid."""
        refusal = {
            request.sent.call_id: Ended(request.sent.call_id, "unpaid", "the submission was refused", now())
            for request, _ in group
        }
        for one in refusal.values():
            journal.ended(one)
        journal.sync()
        self._book(group, refusal)

    def _book(self, group: list[Sized], ended: Mapping[str, Ended] | None = None) -> None:
        """What is away may be paid, and counts against the caps until its end is known."""
        known = ended or {}
        calls = [Call(one.sent, self._session.run_id, ended=known.get(one.sent.call_id)) for one, _ in group]
        record_settled(self._session, self._wave.manifest, [SettledCall(call) for call in calls])

    def _well(self) -> None:
        """The provider works for us: after a snooze, the next pause is a short one again."""
        if needs_probe(self._session):
            awake(self._session)

    # --- how it ends ------------------------------------------------------------------------------------------------

    def _submitted(self, reason: str | None = None) -> Ending:
        told = submission_progress(self._wave.folder.history().unfinished)
        return Ending("submitted", f"{told}; {reason}" if reason else told)

    def _leave(self, ending: Ending | None) -> Ending | None:
        """The wave's row says whether anything of it is in flight."""
        session, wave = self._session, self._wave
        in_flight = bool(self._wave.folder.history().unfinished)
        counts = read_progress(session, wave).counts()
        if in_flight:
            waves.set_state(
                session.db, wave.wave_id, "submitted", submission_progress(wave.folder.history().unfinished), counts
            )
        elif waves.state(session.db, wave.wave_id) == "submitted":
            waves.set_state(session.db, wave.wave_id, "open", None, counts)
        return ending

    def _troubled(self, problem: Problem) -> Ending:
        """A snooze, or the fault that only a person can mend."""
        match problem.outcome:
            case Snoozed(until=until, reason=reason):
                return snooze(self._session, until, reason)
            case Retryable(reason=reason):
                return snooze(self._session, None, reason)
            case Fatal(kind="credentials", message=message, hint=hint):
                raise CredentialsError(message, hint)
            case Fatal(message=message, hint=hint):
                raise ConfigurationError(message, hint)
            case Discarded(reason=reason):
                raise ConfigurationError(
                    f"backend {self._session.backend.name}: the provider takes no batch of ours: {reason}",
                    "Check base_url and models of this backend in waves.yaml.",
                )
            case outcome:
                raise AssertionError(outcome)


class AffordableRequests:
    """The requests that there is money for, in their order; `denied` says why there is none for the next one."""

    def __init__(self, budget: Budget, asked: Iterator[BatchRequest]) -> None:
        self._budget = budget
        self._asked = asked
        self.denied: str | None = None

    def __iter__(self) -> Iterator[BatchRequest]:
        for request in self._asked:
            self.denied = self._budget.reserve(request.sent.call_id, request.sent.reserved_usd)
            if self.denied is not None:
                return
            yield request


def _groups(sized: Iterable[Sized]) -> Iterator[list[Sized]]:
    """As many as one batch may hold."""
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


def _word(finding: SubmissionState) -> str:
    match finding:
        case Running(reason=reason) | Over(reason=reason):
            return reason
        case Ready():
            return "ready"
        case Problem(outcome=outcome):
            return type(outcome).__name__
