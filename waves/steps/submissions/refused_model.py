"""Whether a submission that yielded no answer was refused for its model, so that the next one of the chain is asked."""

from __future__ import annotations

from collections.abc import Sequence

from waves.backends.message_batches.wire import Problem
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.spool.history import History
from waves.steps.requests.outage import reason_of
from waves.steps.requests.policy import MIN_ITEMS


def refusal_of_model(outcomes: Sequence[Outcome], items: int) -> str | None:
    """The reason why none of these requests for `items` items was answered, if another model may answer. None if one of
    them concerns the whole account, or if invalid requests may be the fault of a few items."""
    if not outcomes or not all(_may_be_of_model(outcome) for outcome in outcomes):
        return None
    if items < MIN_ITEMS and any(isinstance(outcome, Discarded) for outcome in outcomes):
        return None
    return reason_of(outcomes[0])


def refused_at_once(problem: Problem) -> str | None:
    """The reason why the provider did not take a submission, if it may be the model. The provider has just told the
    time at the same address, so it is not the address; and how many submissions it takes does not depend on the
    model."""
    match problem.outcome:
        case Fatal(of_model=True) | Discarded() as refusal if not problem.arrived:
            return reason_of(refusal)
        case _:
            return None


def last_to_answer(history: History) -> str | None:
    """The model that the newest answer of the wave's submissions is from: it is asked until it fails, too."""
    models = [call.sent.model for each in history.submissions for call in each.calls.values() if call.paid is not None]
    return models[-1] if models else None


def _may_be_of_model(outcome: Outcome) -> bool:
    match outcome:
        case Fatal(of_model=of_model):
            return of_model
        case Snoozed(kind=kind):
            return kind == "rate"
        case Retryable() | Discarded(kind="invalid"):
            return True
        case _:
            return False
