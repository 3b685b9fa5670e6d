"""Is the provider at fault, or are these items? What the loop knows about that, and the probe that decides it: the
rubric's first example, sent while nothing else goes out.

An item without an answer is to blame only if another request was answered between two of its tries. Until then the item
waits here; at the end of the pass the probe decides whether it is asked once more or the backend is snoozed. Whether
items whose answers are of no use are to blame, `unusable` knows; where it cannot tell, the probe decides as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import replace

from waves.errors import ConfigurationError, NeedsPersonError, TryLaterError, WaveError
from waves.outcomes import Answered, Discarded, Fatal, Outcome, Rejected, Retryable, Snoozed
from waves.spool.fire_log import FireLog
from waves.steps.requests.in_flight import PROBE_ID, InFlight, PendingRequest
from waves.steps.requests.policy import RECENT, Seen, Try, is_outage, speaks_for_outage
from waves.steps.requests.unusable import UnusableRun, is_unusable
from waves.store.tables.verdicts import Failure
from waves.words import quoted


class OutageDetector:
    """`error_rate` is the share of requests without an answer that means an outage, `model` the one that a probe asks.
    Only the detector decides when a probe is due, and only it holds the probe."""

    def __init__(self, error_rate: float, model: str, log: FireLog) -> None:
        self._error_rate = error_rate
        self._model = model
        self._log = log
        self._seen: deque[Seen] = deque(maxlen=RECENT)
        self._unproven: list[PendingRequest] = []
        self._unanswered: list[Failure] = []
        self._answers = 0
        self._run = UnusableRun()
        self._given_up: dict[str, PendingRequest] = {}
        self._withdrawn: set[str] = set()
        self._asked = False
        self._reason: str | None = None
        self._must_be_usable = False
        self._probe: PendingRequest | None = None

    # --- the probe --------------------------------------------------------------------------------------------------

    @property
    def probing(self) -> bool:
        """A probe is due or in flight: nothing else may go out."""
        return self._reason is not None

    @property
    def probe_due(self) -> bool:
        return self._probe is not None

    @property
    def must_be_usable(self) -> bool:
        """Whether the probe under way decides about answers of no use: then its own answer has to be of use."""
        return self._must_be_usable

    def probe(self, reason: str, *, must_be_usable: bool = False) -> None:
        """Have a probe sent next, unless one is under way."""
        if self.probing:
            return
        self._seen.clear()
        self._reason, self._must_be_usable = reason, must_be_usable
        self._probe = PendingRequest(Try((PROBE_ID,), self._model, backed_off=True), {}, probe=True)
        self._log.write("probe", reason=reason)

    def take_probe(self) -> PendingRequest | None:
        probe, self._probe = self._probe, None
        return probe

    def put_back(self, probe: PendingRequest) -> None:
        """The probe could not be sent, or has to wait."""
        self._probe = probe

    def probe_ended(self) -> str:
        """The probe is over. Returns the reason why it was sent."""
        reason, self._reason = self._reason or "", None
        return reason

    # --- what the loop sees -----------------------------------------------------------------------------------------

    @property
    def answers(self) -> int:
        """Requests that were answered so far, probes included."""
        return self._answers

    @property
    def something_accepted(self) -> bool:
        """Whether any answer was of use so far, be it that to the example."""
        return self._run.something_accepted

    def proves_nothing(self, outcome: Outcome) -> bool:
        """Whether the provider may be down in spite of this answer to the example: rows were asked for, and no answer
        of this fire was of use."""
        return self._asked and is_unusable(outcome) and not self.something_accepted

    def observe(self, request: InFlight, outcome: Outcome) -> None:
        """Take note of an outcome; have a probe sent if it may be about the provider rather than about its items."""
        items = list(request.pending.items.values())
        self._asked = True
        match outcome:
            case Answered(labelled=labelled):
                self._answers += 1
                if labelled and self._run.accepted(request.call.sent.at):
                    self._given_up.clear()
            case Discarded(kind="invalid", reason=reason) if not self._answers:
                self.probe(f"the provider calls our requests invalid: {reason}", must_be_usable=True)
        if is_unusable(outcome):
            self._run.useless((item.identity for item in items), request.call.over_at)
        if self._run.limit_reached:
            self.probe(f"nothing of several answers can be used: {reason_of(outcome)}", must_be_usable=True)
        keys = frozenset(item.entity_key for item in items)
        self._seen.append(Seen(keys, speaks_for_outage(outcome)))
        if is_outage(tuple(self._seen), self._error_rate):
            self.probe(reason_of(outcome))

    def answers_before(self, pending: PendingRequest) -> int:
        """How many requests had been answered when this one first got no answer."""
        return self._answers if pending.answers_before is None else pending.answers_before

    def give_up(self, request: InFlight, short_ids: Iterable[str]) -> None:
        """These items of a request without use are given up, unless its model turns out to be to blame."""
        if items := {short_id: request.pending.items[short_id] for short_id in short_ids}:
            this = Try(tuple(items), request.pending.next_try.model, returned=True)
            self._given_up[request.call.sent.call_id] = PendingRequest(this, items)

    def leave_unanswered(self, request: InFlight, short_ids: Iterable[str], reason: str) -> None:
        """Every try of these items has ended without an answer, or without one from a model that is trusted."""
        pending, call_id = request.pending, request.call.sent.call_id
        items = {short_id: pending.items[short_id] for short_id in short_ids}
        if pending.answers_before is not None and request.answers_when_sent > pending.answers_before:
            self._unanswered += [Failure(*item.identity, reason, None, call_id) for item in items.values()]
        elif items:
            this = replace(pending.next_try, short_ids=tuple(items), wait=0.0)
            if this.returned:
                this = Try(this.short_ids, self._model, returned=True)
            self._unproven.append(PendingRequest(this, items, answers_before=self.answers_before(pending)))

    def end_of_queue(self) -> None:
        """Nothing else is left to ask in this pass: have the items that still wait decided by a probe."""
        if self._unproven:
            must_be_usable = not self._run.empty
            self.probe("no request was answered since some items were not", must_be_usable=must_be_usable)
        elif self._run.undecided:
            self.probe("nothing of the last answers can be used", must_be_usable=True)

    def provider_works(self, outcome: Outcome, models_before: Container[str] = ()) -> list[PendingRequest]:
        """The probe was answered, and not by `models_before`: what they said of the last rows is withdrawn. Returns the
        requests whose items are not proven to be at fault: they are asked again."""
        self._answers += 1
        again, self._unproven = self._unproven, []
        if isinstance(outcome, Answered) and outcome.labelled:
            self._run.example_accepted()
            blameless = {key: each for key, each in self._given_up.items() if each.next_try.model in models_before}
            self._withdrawn |= blameless.keys()
            again += blameless.values()
            self._given_up.clear()
        return again

    def take_withdrawn(self) -> frozenset[str]:
        """The requests whose models are to blame, and not their items, since the last call."""
        withdrawn, self._withdrawn = frozenset(self._withdrawn), set()
        return withdrawn

    def take_unanswered(self) -> tuple[Failure, ...]:
        """The failures of items that are to blame for having no answer, since the last call."""
        unanswered, self._unanswered = tuple(self._unanswered), []
        return unanswered


def reason_of(outcome: Outcome) -> str:
    match outcome:
        case Answered(rejected=(Rejected(reason=reason), *_)):
            return reason
        case Retryable(reason=reason) | Snoozed(reason=reason) | Discarded(reason=reason) | Fatal(message=reason):
            return reason
        case _:
            return "no answer"


def probe_fault(outcome: Outcome, backend: str, *, must_be_usable: bool) -> WaveError | None:
    """The fault that the outcome of a probe shows, if nothing else can work either."""
    match outcome:
        case Discarded(kind="invalid", text=text, reason=reason):
            return ConfigurationError(
                f"backend {backend}: not even the rubric's first example is accepted: {quoted(text) or reason}",
                "Check model, base_url and the rubric's schema; nothing was charged to the rows.",
            )
        case Fatal():
            return outcome.as_error()
        case Retryable(kind="lost", reason=death):
            hint = "Look at this machine's memory and at the log; nothing was charged to the rows."
            return TryLaterError(f"not even the rubric's first example survives in a worker: {death}", hint)
        case _ if must_be_usable and is_unusable(outcome):
            return NeedsPersonError(
                f"backend {backend}: the model cannot answer this rubric, not even its first example: "
                f"{reason_of(outcome)}",
                "Change the model or the rubric, then fire again; nothing was charged to the rows.",
            )
    return None


def unknown_fault(outcome: Snoozed, backend: str) -> WaveError:
    """What nobody knew when the backend was put to sleep for it stands there again: a person has to read it."""
    return ConfigurationError(
        f"backend {backend} answers with a text that is no known limit: {quoted(outcome.unknown_text)}",
        "If it will pass by itself, fire again later; nothing was charged to the rows.",
    )
