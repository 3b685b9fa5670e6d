"""The journals of a wave merged: its requests, and the submissions in which some of them were handed over.

An answer may be in another journal than its request; the first answer counts. Answers to requests that no journal of
the wave has sent are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from waves.calls import Call, Ended, Intent, Paid
from waves.spool.journal import Reading


@dataclass(frozen=True, slots=True)
class Submission:
    """Requests that go to a provider together, to be answered later. `calls` are the known requests of its intent, by
    their position in it. `whole`: all of them were on the disk, so it may have been handed over; before that it cannot
    have been."""

    intent: Intent
    batch_id: str | None
    calls: Mapping[int, Call] = field(hash=False)
    whole: bool

    @property
    def open(self) -> Mapping[int, Call]:
        """The requests whose end is not known yet."""
        return {number: call for number, call in self.calls.items() if call.paid is None and call.ended is None}


@dataclass(frozen=True, slots=True)
class History:
    """`calls` by their ids; `submissions` in the order of their journals."""

    calls: dict[str, Call] = field(hash=False)
    submissions: tuple[Submission, ...] = ()

    @property
    def unfinished(self) -> tuple[Submission, ...]:
        return tuple(submission for submission in self.submissions if submission.open)


def merge(readings: Sequence[tuple[str, Reading]]) -> History:
    """`readings` are (run id, its journal), the oldest first."""
    calls: dict[str, Call] = {}
    for _, reading in readings:
        for call_id, call in reading.contents.calls.items():
            if call.paid or call_id not in calls:
                calls[call_id] = call
    for run_id, reading in readings:
        for call_id, (paid, ended) in reading.contents.late.items():
            if call_id in calls:
                calls[call_id] = _with_late_end(calls[call_id], run_id, paid, ended)
    tickets: dict[str, str] = {}
    for _, reading in readings:
        for ticket in reading.contents.tickets.values():
            tickets.setdefault(ticket.intent, ticket.batch_id)
    submissions = {
        name: _submission(intent, reading, calls, tickets.get(name))
        for _, reading in readings
        for name, intent in reading.contents.intents.items()
    }
    return History(calls, tuple(submissions.values()))


def _with_late_end(call: Call, run_id: str, paid: Paid | None, ended: Ended | None) -> Call:
    """The request with what a later run recorded of it; the run that got the answer is the one that spent."""
    if paid is not None and call.paid is None:
        call = replace(call, paid=paid, run_id=run_id)
    if ended is not None and call.paid is None and call.ended is None:
        call = replace(call, ended=ended, run_id=run_id)
    return call


def _submission(intent: Intent, reading: Reading, calls: Mapping[str, Call], batch_id: str | None) -> Submission:
    """A `sent` line that is unreadable now does not prove that the submission was never handed over."""
    known = {number: calls[call_id] for number, call_id in enumerate(intent.calls) if call_id in calls}
    whole = batch_id is not None or reading.bad_lines > 0 or len(known) == len(intent.calls)
    return Submission(intent, batch_id, known, whole)
