"""What has become of a submission, according to its provider. This module asks and decides; it writes nothing.

The reply to a submission can be lost, or we can be killed before its ticket is on disk. Then it is searched for among
the provider's batches. A candidate was created around the intent, has as many requests, and no ticket of ours names it.
Only its results show whether it is ours, because each of our custom ids contains the intent. While a candidate runs, we
wait; after half an hour without one the submission is taken as never arrived. All times are by the provider's clock.

Results may come later than the end of their batch. What is missing is waited for from fire to fire, for a day.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import Batch, Listing, Problem
from waves.calls import Intent
from waves.outcomes import Fatal
from waves.spool.history import Submission

BEFORE_INTENT = timedelta(minutes=5)
AFTER_INTENT = timedelta(minutes=30)
"""A batch that was created within this span of an intent may belong to it."""
KEPT = timedelta(days=29)
"""How long a provider keeps results."""
LONGEST_RUN = timedelta(hours=24)
"""After this a provider ends a batch; only counts for one whose end it does not say."""
RESULTS_LATE = timedelta(hours=24)
"""How long after the end of a batch a result that is missing may still come."""
LONGEST_ID = 64
"""Characters of a custom id."""
_PLAIN_WORD = re.compile(r"[a-z_]{1,40}")  # a state of the provider is passed on only if it is a plain word


@dataclass(frozen=True, slots=True)
class Running:
    """Nothing to fetch yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The results can be read. `adopted`: its batch was found by a search, and its ticket is still to be written.
    `all_there`: it ended so long ago that a result that is missing will not come."""

    batch_id: str
    adopted: bool
    all_there: bool


@dataclass(frozen=True, slots=True)
class NoResults:
    """There are no results, and none will come."""

    fate: Literal["unpaid", "maybe_paid"]
    reason: str


RESULTS_NOT_KEPT = NoResults("maybe_paid", "the provider does not keep its results any more")

SubmissionState = Running | Ready | NoResults | Problem


def custom_id(intent: Intent, number: int) -> str:
    return f"{intent.intent}-{number}"


def request_number(intent: Intent, name: str) -> int | None:
    """The number of the request with this custom id within the intent; None if the id is not one of the intent's."""
    head, _, number = name.rpartition("-")
    if (
        head != intent.intent
        or len(name) > LONGEST_ID
        or not number.isascii()
        or not number.isdigit()
        or str(int(number)) != number
    ):
        return None
    return int(number) if int(number) < len(intent.calls) else None


def look_up(provider: MessageBatches, submission: Submission, ticketed: Collection[str]) -> SubmissionState:
    """`ticketed` are the batches that are known to belong to other submissions, or to this one."""
    if not submission.whole:
        return NoResults("unpaid", "never handed over")
    if submission.batch_id is not None:
        return _state_of_batch(provider.look(submission.batch_id), submission.intent, submission.batch_id)
    listing = provider.since(submission.intent.at - BEFORE_INTENT)
    if isinstance(listing, Problem):
        return listing
    return _search(provider, submission.intent, listing, ticketed)


def candidates(intent: Intent, listing: Listing, ticketed: Collection[str]) -> list[Batch]:
    """The batches that may belong to an intent without a ticket."""
    first, last = intent.at - BEFORE_INTENT, intent.at + AFTER_INTENT
    return [
        batch
        for batch in listing.batches
        if batch.batch_id not in ticketed and batch.requests == len(intent.calls) and first <= batch.created_at <= last
    ]


def _search(provider: MessageBatches, intent: Intent, listing: Listing, ticketed: Collection[str]) -> SubmissionState:
    gone, waits_for = False, None
    for batch in candidates(intent, listing, ticketed):
        if batch.gone:
            gone = True
            continue
        if not batch.ended:
            waits_for = "a batch that may be it is still running"
            continue
        all_there = _are_all_there(batch, intent)
        ours = _is_of(provider, batch, intent)
        if isinstance(ours, Problem):
            return ours
        if ours:
            return Ready(batch.batch_id, adopted=True, all_there=all_there)
        if ours is None and all_there:
            gone = True
        elif ours is None:
            waits_for = waits_for or "a batch that may be it shows no results yet"
    if waits_for is not None:
        return Running(f"the reply to its submission was lost; {waits_for}")
    if listing.seen_at - intent.at < AFTER_INTENT:
        return Running("the reply to its submission was lost, and the provider does not show it yet")
    return RESULTS_NOT_KEPT if gone else NoResults("unpaid", "the provider never had it")


def _are_all_there(batch: Batch, intent: Intent) -> bool:
    """An impossible `ended_at` keeps nobody waiting for longer than results are kept."""
    ended_at = batch.ended_at or intent.at + LONGEST_RUN
    return batch.seen_at - ended_at >= RESULTS_LATE or batch.seen_at - intent.at > KEPT


def _is_of(provider: MessageBatches, batch: Batch, intent: Intent) -> bool | Problem | None:
    """Whether the batch belongs to the intent. Any custom id among its results shows that; None if there is none."""
    with closing(provider.results(batch.batch_id)) as results:
        for result in results:
            if isinstance(result, Problem):
                return result
            if result.custom_id:
                return request_number(intent, result.custom_id) is not None
    return None


def _state_of_batch(reply: Batch | Problem, intent: Intent, batch_id: str) -> SubmissionState:
    match reply:
        case Problem(unknown=True):
            return Problem(_unknown(batch_id), arrived=False, unknown=True)
        case Problem():
            return reply
        case Batch() if reply.gone or (not reply.ended and reply.seen_at - intent.at > KEPT):
            return RESULTS_NOT_KEPT
        case Batch() if reply.ended:
            return Ready(batch_id, adopted=False, all_there=_are_all_there(reply, intent))
        case Batch(status=status):
            return Running(status.replace("_", " ") if _PLAIN_WORD.fullmatch(status) else "in an unknown state")


def _unknown(batch_id: str) -> Fatal:
    return Fatal(
        "configuration",
        f"the provider has no batch {batch_id}, which it was handed before",
        "use a key of the workspace that submitted it; if it was deleted there, give the wave up: "
        "wave abandon THEME --by NAME",
    )
