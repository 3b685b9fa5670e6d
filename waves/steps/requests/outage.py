"""Is the provider at fault, or are these items? What the loop knows about that, and the probe that decides it: the
rubric's first example, sent while nothing else goes out.

An item without an answer is to blame only if another request was answered between two of its tries. Until then the item
waits here; at the end of the pass the probe decides whether it is asked once more or the backend is snoozed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from waves.errors import ConfigurationError, TryLaterError, WaveError
from waves.outcomes import Answered, Discarded, Fatal, Outcome, Retryable
from waves.spool.fire_log import FireLog
from waves.steps.requests.in_flight import InFlight, PendingRequest
from waves.steps.requests.policy import RECENT, Seen, Try, is_outage, speaks_for_outage
from waves.store.tables.verdicts import Failure


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
        self._reason: str | None = None
        self._probe: PendingRequest | None = None

    # --- the probe --------------------------------------------------------------------------------------------------

    @property
    def probing(self) -> bool:
        """A probe is due or in flight: nothing else may go out."""
        return self._reason is not None

    @property
    def probe_due(self) -> bool:
        return self._probe is not None

    def probe(self, reason: str) -> None:
        """Have a probe sent next, unless one is under way."""
        if self.probing:
            return
        self._seen.clear()
        self._reason = reason
        self._probe = PendingRequest(Try((), self._model), {}, probe=True)
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

    def observe(self, pending: PendingRequest, outcome: Outcome) -> None:
        """Take note of an outcome; have a probe sent if it may be about the provider rather than about its items."""
        match outcome:
            case Answered():
                self._answers += 1
            case Discarded(kind="invalid", reason=reason) if not self._answers:
                self.probe(f"the provider calls our requests invalid: {reason}")
        keys = frozenset(item.entity_key for item in pending.items.values())
        self._seen.append(Seen(keys, speaks_for_outage(outcome)))
        if is_outage(tuple(self._seen), self._error_rate):
            self.probe(reason_of(outcome))

    def answers_before(self, pending: PendingRequest) -> int:
        """How many requests had been answered when this one first got no answer."""
        return self._answers if pending.answers_before is None else pending.answers_before

    def leave_unanswered(self, request: InFlight, short_ids: Iterable[str], reason: str) -> None:
        """Every try of these items has ended without an answer."""
        pending, call_id = request.pending, request.call.sent.call_id
        items = {short_id: pending.items[short_id] for short_id in short_ids}
        if pending.answers_before is not None and request.answers_when_sent > pending.answers_before:
            self._unanswered += [Failure(*item.identity, reason, None, call_id) for item in items.values()]
        elif items:
            this = replace(pending.next_try, short_ids=tuple(items), wait=0.0)
            self._unproven.append(PendingRequest(this, items, answers_before=self.answers_before(pending)))

    def end_of_queue(self) -> None:
        """Nothing else is left to ask in this pass: have the items that still wait decided by a probe."""
        if self._unproven:
            self.probe("no request was answered since some items were not")

    def provider_works(self) -> list[PendingRequest]:
        """The probe was answered. Returns the requests whose items are not proven to be at fault: they are asked
        again."""
        self._answers += 1
        again, self._unproven = self._unproven, []
        return again

    def take_unanswered(self) -> tuple[Failure, ...]:
        """The failures of items that are to blame for having no answer, since the last call."""
        unanswered, self._unanswered = tuple(self._unanswered), []
        return unanswered


def reason_of(outcome: Outcome) -> str:
    return getattr(outcome, "reason", None) or getattr(outcome, "message", None) or "no answer"


def probe_fault(outcome: Outcome, backend: str, reason: str) -> WaveError | None:
    """The fault that the outcome of a probe shows, if nothing else can work either. `reason` is why it was sent."""
    match outcome:
        case Discarded(kind="invalid"):
            hint = "Check model, base_url and the rubric's schema: not even its first example is accepted."
            return ConfigurationError(f"backend {backend}: {reason}", hint)
        case Fatal():
            return outcome.as_error()
        case Retryable(kind="lost", reason=death):
            hint = "Look at this machine's memory and at the log; nothing was charged to the rows."
            return TryLaterError(f"not even the rubric's first example survives in a worker: {death}", hint)
    return None
