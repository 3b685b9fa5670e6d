"""The results of a submission → journal, parts, ledger: each group of results is durable before the next is read.

Each request ends once, whatever a provider sends: a result for a request that is not ours or that has ended already is
counted and skipped. What was read before a stream broke off is kept; the next fire reads again and takes the rest. So
it does with results that are not there yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import BatchResult, Problem
from waves.calls import Call, Ended, Paid, Ticket
from waves.errors import ConfigurationError, WaveError
from waves.ids import now
from waves.models import Identity, Part, Usage
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.spool.history import Submission
from waves.spool.journal import Journal
from waves.steps.requests.given_up_guard import FEW
from waves.steps.requests.outage import reason_of
from waves.steps.requests.part_writer import PartWriter
from waves.steps.requests.policy import MIN_ITEMS, Decision, Try, decide, further_models
from waves.steps.requests.settlement import SettledCall, charge, outcome_of_call, parts_of, record_calls
from waves.steps.requests.unusable import is_unusable
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave
from waves.steps.submissions.lookup import Ready, request_number
from waves.steps.submissions.refused_model import refusal_of_model

GROUP = 200
"""Results that are made durable with one fsync."""

Fate = Literal["unpaid", "maybe_paid"]


@dataclass(frozen=True, slots=True)
class FailedModel:
    """A model answered nothing of a submission: the next one of the chain, and the reason."""

    following: str
    reason: str


class SubmissionResults:
    """Records how each request of one submission has ended."""

    def __init__(self, session: Session, wave: Wave, journal: Journal, submission: Submission) -> None:
        self._session = session
        self._wave = wave
        self._journal = journal
        self._submission = submission
        self._open = dict(submission.open)
        self._parts = PartWriter(wave.parts)
        self._settled: list[SettledCall] = []
        self._decided: list[SettledCall] = []
        self._useless: Counter[str] = Counter()
        self._held: str | None = None
        self._refused: list[tuple[Call, Discarded | Fatal]] = []
        self._errors: list[tuple[Call, Outcome]] = []
        self._failed_model: FailedModel | None = None
        self._counts: Counter[str] = Counter()
        self._problem: Problem | None = None

    @property
    def problem(self) -> Problem | None:
        """What kept the results from being read to the end."""
        return self._problem

    @property
    def late(self) -> str | None:
        """What the provider has not shown yet of a batch that has ended; None if it has shown everything."""
        if not self._open:
            return None
        missing, requests = len(self._open), len(self._submission.intent.calls)
        return (
            f"ended, but {missing} of its {requests} results are not there yet; they are waited for, for a day at most"
        )

    @property
    def held(self) -> str | None:
        """Why a person has to decide before anything more is asked."""
        return self._held

    @property
    def failed_model(self) -> FailedModel | None:
        """Set if no request was answered, and the next model of the chain may answer."""
        return self._failed_model

    @property
    def parts(self) -> Mapping[Identity, Part]:
        """The parts that were written."""
        return self._parts.written

    def fetch(self, provider: MessageBatches, ready: Ready) -> None:
        """Read the results to their end, or until a problem or a request to stop. What is missing stays open until no
        more can come. Raises the fault that kept all requests from being answered."""
        if ready.adopted:
            self._journal.ticket(Ticket(self._submission.intent.intent, ready.batch_id, now()))
            self._journal.sync()
            self._session.log.write("adopted", wave=self._wave.wave_id, batch=ready.batch_id)
        self._read(provider.results(ready.batch_id))
        read = not self._problem and not self._session.stop.requested
        if read and ready.all_there:
            self.end_open("maybe_paid", "the provider gave no result for it")
        complete = read and not self._open
        fault = self._settle_refused() if complete else None
        accepted = self._wave.parts.present()
        self._held = charge(self._session, self._wave.manifest, self._decided, accepted=accepted)
        self._held = self._held or self._nothing_usable(accepted)
        if fault is not None:
            raise fault
        self._session.log.write("fetched", wave=self._wave.wave_id, batch=ready.batch_id, **self._counts)

    def end_open(self, fate: Fate, reason: str) -> None:
        """End all requests that are still open, with this fate."""
        for number in list(self._open):
            self._end(self._open.pop(number), fate, reason)
            self._counts["missing"] += 1
        self._make_durable()

    def _read(self, results: Iterator[BatchResult | Problem]) -> None:
        while group := list(islice(results, GROUP)):
            for result in group:
                if isinstance(result, Problem):
                    self._problem = result
                else:
                    self._take(result)
            self._make_durable()
            if self._session.stop.requested:
                return

    def _take(self, result: BatchResult) -> None:
        """Take a result if it is the first one for a request of ours that is still open."""
        number = request_number(self._submission.intent, result.custom_id)
        if number is None:
            self._counts["foreign"] += result.kind != "blank"
        elif (call := self._open.pop(number, None)) is None:
            self._counts["repeated"] += 1
        else:
            self._counts[_known_kind(result)] += 1
            self._record(call, result)

    def _record(self, call: Call, result: BatchResult) -> None:
        if result.outcome is not None:
            self._errors.append((call, result.outcome))
        match result:
            case BatchResult(raw=str(raw)):
                self._pay(call, raw, result.usage or Usage())
            case BatchResult(outcome=None, kind="canceled" | "expired"):
                self._end(call, "unpaid", f"the provider says {result.kind}")
            case BatchResult(outcome=None):
                self._end(call, "maybe_paid", "the provider's result cannot be read")
            case BatchResult(outcome=Retryable(reason=reason) | Snoozed(reason=reason)):
                self._end(call, "unpaid", reason)
            case BatchResult(outcome=Discarded(reason=reason) | Fatal(message=reason) as refusal):
                ended = Ended(call.sent.call_id, "unpaid", reason, now())
                self._refused.append((replace(call, ended=ended, run_id=self._session.run_id), refusal))

    def _pay(self, call: Call, raw: str, usage: Usage) -> None:
        paid = Paid(call.sent.call_id, 200, usage, raw, now())
        self._journal.paid(paid)
        call = replace(call, paid=paid, run_id=self._session.run_id)
        outcome = outcome_of_call(call, self._wave.rubric)
        assert outcome is not None  # noqa: S101 - it was paid just now, and asks for items
        self._parts.add(parts_of(self._wave.manifest, call.sent, outcome))
        if is_unusable(outcome):
            self._useless[reason_of(outcome)] += len(call.sent.items)
        self._settled.append(SettledCall(call, _decision(call, outcome)))

    def _end(self, call: Call, fate: Fate, reason: str) -> None:
        ended = Ended(call.sent.call_id, fate, reason, now())
        self._journal.ended(ended)
        self._settled.append(SettledCall(replace(call, ended=ended, run_id=self._session.run_id)))

    def _make_durable(self) -> None:
        """The journal first, then what can be rebuilt from it."""
        self._journal.sync()
        self._parts.write()
        self._decided += self._record_settled(self._settled)
        self._settled.clear()

    def _record_settled(self, settled: Iterable[SettledCall]) -> list[SettledCall]:
        return record_calls(self._session, self._wave.manifest, settled)

    def _nothing_usable(self, accepted: Collection[Identity]) -> str | None:
        """Why the wave has to be held: nothing of it was accepted, and no answer of several can be used. Each item
        would be asked for once more, alone, although no probe has shown that this is of use."""
        useless = sum(self._useless.values())
        if useless < FEW or self._wave.manifest.kind != "normal" or accepted:
            return None
        reasons = ", ".join(f"{number} × {reason}" for reason, number in self._useless.most_common(3))
        theme = self._session.theme.theme_id
        return (
            f"no answer of wave {self._wave.wave_id} can be used: {reasons}. Look at the model and the rubric, then "
            f"ask again: wave run {theme}; or put the rows back: wave collect {theme} --partial"
        )

    def _settle_refused(self) -> WaveError | None:
        """Charge the items of requests that the provider calls invalid, unless it never took a request of this wave:
        then the fault is not the items', and is returned, or the next model is to be asked. Only the whole results show
        that: until then they stay open, to be read again."""
        for call, _ in self._refused:
            if call.ended is not None:
                self._journal.ended(call.ended)
        self._journal.sync()
        self._failed_model = self._find_failed_model()
        some_taken = self._counts["succeeded"] or self._wave.parts.present() or self._failed_model
        fault = None if some_taken else _fault_of_all(self._refused)
        blameless = fault is not None or self._failed_model is not None
        charged = [
            SettledCall(call, _decision(call, outcome) if isinstance(outcome, Discarded) and not blameless else None)
            for call, outcome in self._refused
        ]
        self._decided += self._record_settled(charged)
        return fault

    def _find_failed_model(self) -> FailedModel | None:
        """The model, if every request of the submission ended with an error that another model may not meet."""
        calls = self._submission.calls.values()
        if len(self._errors) < len(self._submission.open) or any(call.paid for call in calls) or not self._errors:
            return None
        items = {item[1:] for call, _ in self._errors for item in call.sent.items}
        model, reason = self._errors[0][0].sent.model, refusal_of_model([each for _, each in self._errors], len(items))
        further = further_models(model, self._session.backend.models)
        return FailedModel(further[0], reason) if reason is not None and further else None


def _fault_of_all(refused: Iterable[tuple[Call, Discarded | Fatal]]) -> WaveError | None:
    """The fault that explains why all of these requests were refused; None if it may be that of a few items."""
    invalid: list[tuple[Call, Discarded]] = []
    for call, outcome in refused:
        if isinstance(outcome, Fatal):
            return outcome.as_error()
        invalid.append((call, outcome))
    items = {item for call, _ in invalid for item in call.sent.items}
    if len(items) < MIN_ITEMS:
        return None
    return ConfigurationError(
        f"the provider calls every request of the batch invalid: {invalid[0][1].reason}",
        "Check model, base_url and the rubric's schema.",
    )


def _known_kind(result: BatchResult) -> str:
    return result.kind if result.kind in {"succeeded", "errored", "canceled", "expired"} else "strange"


def _decision(call: Call, outcome: Outcome) -> Decision:
    """An item's strict try is also its larger one: an item that it does not yield has failed."""
    sent = call.sent
    this = Try(tuple(short_id for short_id, _, _ in sent.items), sent.model, strict=sent.strict)
    if sent.strict:
        this = replace(this, max_tokens=1)
    return decide(this, outcome, chain=(sent.model,), max_tokens=0, jitter=0.0)
