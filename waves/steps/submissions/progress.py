"""What a person reads of a wave that was handed over."""

from __future__ import annotations

from datetime import datetime, timedelta

from waves.ids import now
from waves.spool.history import Submission


def ago(then: datetime, at: datetime) -> str:
    """`12 min ago`, `3 h ago`, `2 d ago`."""
    gone = max(timedelta(), at - then)
    if gone < timedelta(hours=1):
        return f"{gone // timedelta(minutes=1)} min ago"
    if gone < timedelta(days=2):
        return f"{gone // timedelta(hours=1)} h ago"
    return f"{gone // timedelta(days=1)} d ago"


def submission_progress(submissions: tuple[Submission, ...]) -> str | None:
    """What a person reads of a wave that was handed over: how much, and how long ago."""
    handed = [one for one in submissions if one.whole]
    if not handed:
        return None
    names = ", ".join(one.batch_id or "one whose id is not known yet" for one in handed)
    requests = sum(len(one.intent.calls) for one in handed)
    since = min(one.intent.at for one in handed)
    return f"batch {names}: {requests} requests, submitted {ago(since, now())}"
