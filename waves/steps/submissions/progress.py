"""What a person reads about a wave that was handed over."""

from __future__ import annotations

from datetime import datetime, timedelta

from waves.ids import now
from waves.spool.history import Submission


def ago(then: datetime, at: datetime) -> str:
    """`12 min ago`, `3 h ago`, `2 d ago`."""
    elapsed = max(timedelta(), at - then)
    if elapsed < timedelta(hours=1):
        return f"{elapsed // timedelta(minutes=1)} min ago"
    if elapsed < timedelta(days=2):
        return f"{elapsed // timedelta(hours=1)} h ago"
    return f"{elapsed // timedelta(days=1)} d ago"


def submission_progress(submissions: tuple[Submission, ...]) -> str | None:
    """How much was handed over, and how long ago; None if nothing was."""
    handed_over = [submission for submission in submissions if submission.whole]
    if not handed_over:
        return None
    names = ", ".join(submission.batch_id or "one whose id is not known yet" for submission in handed_over)
    requests = sum(len(submission.intent.calls) for submission in handed_over)
    since = min(submission.intent.at for submission in handed_over)
    return f"batch {names}: {requests} requests, submitted {ago(since, now())}"


def noted_progress(submissions: tuple[Submission, ...], found: str | None) -> str | None:
    """The progress as of now, and what the last visit to the provider found, of which `found` is the whole note."""
    progress = submission_progress(submissions)
    if progress is None:
        return found
    _, _, what = (found or "").partition("; ")
    return f"{progress}; {what}" if what else progress
