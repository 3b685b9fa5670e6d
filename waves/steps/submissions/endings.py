"""How a visit to the provider of submissions ends: submitted, snoozed, or with a fault that needs a person."""

from __future__ import annotations

from waves.backends.message_batches.wire import Problem
from waves.errors import ConfigurationError
from waves.models import Ending
from waves.outcomes import Discarded, Fatal, Retryable, Snoozed
from waves.steps.budget.snooze import snooze_backend
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave
from waves.steps.submissions.progress import submission_progress


def submitted_ending(wave: Wave, reason: str | None = None) -> Ending:
    """The wave waits for its batches."""
    progress = submission_progress(wave.folder.history().unfinished)
    return Ending("submitted", f"{progress}; {reason}" if reason else progress)


def problem_ending(session: Session, problem: Problem) -> Ending:
    """Snooze the backend. A problem that only a person can fix is raised as a fault."""
    match problem.outcome:
        case Snoozed(until=until, reason=reason):
            return snooze_backend(session, until, reason)
        case Retryable(reason=reason):
            return snooze_backend(session, None, reason)
        case Fatal() as fatal:
            raise fatal.as_error()
        case Discarded(reason=reason):
            raise ConfigurationError(
                f"backend {session.backend.name}: the provider accepts no batch of ours: {reason}",
                "Check base_url and models of this backend in waves.yaml.",
            )
        case outcome:
            raise AssertionError(outcome)
