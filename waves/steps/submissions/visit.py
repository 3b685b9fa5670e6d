"""One visit to the provider of a wave's submissions: look them up, fetch what is ready, then hand over what is missing.

A visit that finds nothing to fetch writes nothing and starts no journal. While anything of the wave is awaited, nothing
more is handed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import Problem
from waves.models import Ending, Identity, Part
from waves.spool.history import Submission
from waves.spool.journal import Journal
from waves.steps.budget.snooze import wake_after_snooze
from waves.steps.requests.model_choice import ModelChoice
from waves.steps.session.holding import hold
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import RunResult, Wave, WaveContents, contents_of
from waves.steps.submissions.endings import problem_ending, submitted_ending
from waves.steps.submissions.hand_over import hand_over_missing
from waves.steps.submissions.lookup import NoResults, Ready, Running, SubmissionState, look_up
from waves.steps.submissions.progress import submission_progress
from waves.steps.submissions.refused_model import last_to_answer
from waves.steps.submissions.results import FailedModel, SubmissionResults
from waves.store.tables import waves


@dataclass(frozen=True, slots=True)
class Fetched:
    """The parts that were written. `ending`: why the fire cannot continue; `problem`: what kept something from being
    read; `held`: why a person has to decide; `late`: what the provider does not show yet."""

    parts: Mapping[Identity, Part] = field(hash=False)
    ending: Ending | None = None
    problem: Problem | None = None
    held: str | None = None
    late: str | None = None


class SubmissionVisit:
    def __init__(self, session: Session, wave: Wave, guard: Guard, provider: MessageBatches) -> None:
        self._session = session
        self._wave = wave
        self._guard = guard
        self._provider = provider
        self._failed_model: FailedModel | None = None

    def fetch_and_submit(self, contents: WaveContents) -> RunResult:
        """Its ending is None once the wave has converged and nothing of it is in flight."""
        return self._visit(contents, submits=True)

    def fetch(self, contents: WaveContents) -> RunResult:
        """Its ending is None once nothing of the wave is in flight; nothing more is handed over."""
        return self._visit(contents, submits=False)

    def _visit(self, contents: WaveContents, *, submits: bool) -> RunResult:
        session, wave = self._session, self._wave
        states = self._look_up()
        if any(not isinstance(state, NoResults | Problem) for _, state in states):
            wake_after_snooze(session)
        waiting = [state.reason for _, state in states if isinstance(state, Running)]
        if states and len(waiting) == len(states):
            return self._leave(contents, submitted_ending(wave, waiting[0]))
        with closing(wave.folder.new_journal(session.run_id)) as journal:
            fetched = self._fetch_ready(states, journal)
            waiting += [fetched.late] if fetched.late is not None else []
            contents = contents_of(session.db, wave, {**contents.parts, **fetched.parts})
            on_hold = hold(session, wave, contents.counts, fetched.held)
            ending = on_hold or fetched.ending
            if ending is None and fetched.problem is not None:
                ending = problem_ending(session, fetched.problem)
            session.watcher.advanced(len(contents.parts))
            if ending is None and not waiting and submits:
                ending = self._hand_over(contents, journal)
        wave.parts.sync()
        return self._leave(contents, submitted_ending(wave, waiting[0]) if ending is None and waiting else ending)

    def _hand_over(self, contents: WaveContents, journal: Journal) -> Ending | None:
        session, wave, failed = self._session, self._wave, self._failed_model
        models = ModelChoice(session, session.backend, last_to_answer(wave.folder.history()))
        if failed is not None:
            models.use(failed.following, failed.reason)
        return hand_over_missing(session, wave, self._guard, self._provider, contents.progress, journal, models)

    def _look_up(self) -> list[tuple[Submission, SubmissionState]]:
        history = self._wave.folder.history()
        ticketed = {submission.batch_id for submission in history.submissions if submission.batch_id is not None}
        states = []
        for submission in history.unfinished:
            state = look_up(self._provider, submission, ticketed)
            if isinstance(state, Ready):
                ticketed.add(state.batch_id)
            self._session.log.write("looked", wave=self._wave.wave_id, batch=submission.batch_id, found=_word(state))
            states.append((submission, state))
        return states

    def _fetch_ready(self, states: Iterable[tuple[Submission, SubmissionState]], journal: Journal) -> Fetched:
        """Fetch all results that are ready, even if something else is wrong: they are paid for."""
        problem: Problem | None = None
        held: str | None = None
        late: str | None = None
        parts: dict[Identity, Part] = {}
        for submission, state in states:
            self._guard.check()
            results = SubmissionResults(self._session, self._wave, journal, submission)
            match state:
                case Ready():
                    results.fetch(self._provider, state)
                    problem, held, late = problem or results.problem, held or results.held, late or results.late
                    self._failed_model = results.failed_model or self._failed_model
                case NoResults(fate=fate, reason=reason):
                    results.end_open(fate, reason)
                case Problem():
                    problem = problem or state
                case Running():
                    pass
            parts |= results.parts
            if (ending := self._session.stop.ending) is not None:
                return Fetched(parts, ending, problem, held, late)
        return Fetched(parts, None, problem, held, late)

    def _leave(self, contents: WaveContents, ending: Ending | None) -> RunResult:
        """Leave a wave row that shows whether anything of the wave is in flight."""
        session, wave = self._session, self._wave
        contents = contents_of(session.db, wave, contents.parts)
        unfinished = wave.folder.history().unfinished
        state = waves.state(session.db, wave.wave_id)
        if unfinished and state != "held":
            noted = ending.reason if ending is not None and ending.state == "submitted" else None
            reason = noted or submission_progress(unfinished)
            waves.set_state(session.db, wave.wave_id, "submitted", reason, contents.counts)
        elif state == "submitted":
            waves.set_state(session.db, wave.wave_id, "open", None, contents.counts)
        return RunResult(ending, contents)


def _word(state: SubmissionState) -> str:
    match state:
        case Running(reason=reason) | NoResults(reason=reason):
            return reason
        case Ready():
            return "ready"
        case Problem(outcome=outcome):
            return type(outcome).__name__
