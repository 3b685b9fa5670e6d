"""What has become of a submission, as its provider tells it. Asks and decides; writes nothing.

The reply to a submission can be lost, or we can be killed before its ticket is on the disk. Then it is looked for among
the provider's batches: one that was made around the intent, with as many requests, that no ticket of ours names. Only
its results tell whether it is ours, because each of our custom ids bears the intent. While such a batch runs, we wait;
that it never arrived is believed after half an hour without one. All of this is by the provider's clock.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import Batch, Listing, Problem
from waves.calls import Intent
from waves.outcomes import Fatal
from waves.spool.history import Submission

EARLIER = timedelta(minutes=5)
LATER = timedelta(minutes=30)
"""A batch that was made so long before or after an intent may be its."""
KEPT = timedelta(days=29)
"""For so long a provider keeps results."""
_PLAIN = re.compile(r"[a-z_]{1,40}")  # the provider's own word is passed on only where it is one
LONGEST_NAME = 64
"""Characters of a custom id."""


@dataclass(frozen=True, slots=True)
class Running:
    """Nothing to fetch yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Its results are there. `adopted`: its ticket is still to be written."""

    batch_id: str
    adopted: bool


@dataclass(frozen=True, slots=True)
class Over:
    """There are no results, and there will be none."""

    fate: Literal["unpaid", "maybe_paid"]
    reason: str


NOT_KEPT = Over("maybe_paid", "the provider does not keep its results any more")

SubmissionState = Running | Ready | Over | Problem


def custom_id(intent: Intent, number: int) -> str:
    return f"{intent.intent}-{number}"


def number_of(intent: Intent, name: str) -> int | None:
    """Which request of the intent bears that custom id; None for one that is not ours."""
    head, _, number = name.rpartition("-")
    if (
        head != intent.intent
        or len(name) > LONGEST_NAME
        or not number.isascii()
        or not number.isdigit()
        or str(int(number)) != number
    ):
        return None
    return int(number) if int(number) < len(intent.calls) else None


def look_up(provider: MessageBatches, submission: Submission, ticketed: Collection[str]) -> SubmissionState:
    """`ticketed` are the batches that are known to be of other submissions, or of this one."""
    if not submission.whole:
        return Over("unpaid", "never handed over")
    if submission.batch_id is not None:
        return _ticketed(provider.look(submission.batch_id), submission.intent, submission.batch_id)
    listing = provider.since(submission.intent.at - EARLIER)
    if isinstance(listing, Problem):
        return listing
    return _looked_for(provider, submission.intent, listing, ticketed)


def candidates(intent: Intent, listing: Listing, ticketed: Collection[str]) -> list[Batch]:
    """The batches that may be what became of an intent without a ticket."""
    first, last = intent.at - EARLIER, intent.at + LATER
    return [
        batch
        for batch in listing.batches
        if batch.batch_id not in ticketed and batch.requests == len(intent.calls) and first <= batch.created_at <= last
    ]


def without_candidate(intent: Intent, seen_at: datetime) -> Running | Over:
    """No batch can be this intent's, so far."""
    if seen_at - intent.at < LATER:
        return Running("the reply to its submission was lost, and the provider does not show it yet")
    return Over("unpaid", "the provider never had it")


def _looked_for(
    provider: MessageBatches, intent: Intent, listing: Listing, ticketed: Collection[str]
) -> SubmissionState:
    running = gone = False
    for batch in candidates(intent, listing, ticketed):
        if batch.gone:
            gone = True
        elif not batch.ended:
            running = True
        else:
            ours = _bears(provider, batch, intent)
            if isinstance(ours, Problem):
                return ours
            if ours:
                return Ready(batch.batch_id, adopted=True)
    if running:
        return Running("the reply to its submission was lost; a batch that may be it is still running")
    found = without_candidate(intent, listing.seen_at)
    return NOT_KEPT if gone and isinstance(found, Over) else found


def _bears(provider: MessageBatches, batch: Batch, intent: Intent) -> bool | Problem:
    """Whether the batch is that of the intent: by any custom id among its results."""
    with closing(provider.results(batch.batch_id)) as results:
        for result in results:
            if isinstance(result, Problem):
                return result
            if result.custom_id:
                return number_of(intent, result.custom_id) is not None
    return False


def _ticketed(told: Batch | Problem, intent: Intent, batch_id: str) -> SubmissionState:
    match told:
        case Problem(unknown=True):
            return Problem(_unknown(batch_id), arrived=False, unknown=True)
        case Problem():
            return told
        case Batch() if told.gone or (not told.ended and told.seen_at - intent.at > KEPT):
            return NOT_KEPT
        case Batch() if told.ended:
            return Ready(batch_id, adopted=False)
        case Batch():
            return Running(told.status.replace("_", " ") if _PLAIN.fullmatch(told.status) else "in a state of its own")


def _unknown(batch_id: str) -> Fatal:
    return Fatal(
        "configuration",
        f"the provider has no batch {batch_id}, which it was handed before",
        "use a key of the workspace that submitted it; if it was deleted there, give the wave up: "
        "wave abandon THEME --by NAME",
    )
