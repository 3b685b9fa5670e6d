"""One judgement outside of any wave, for a program that needs an answer now. Only the ledger keeps a record of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from waves.backends import open_backend
from waves.backends.rehearsal.stand_in import rehearse
from waves.calls import Call, Ended, Paid, Sent
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.errors import BadDataError, ConfigurationError, OverBudgetError, TryLaterError, WaveError
from waves.ids import new_call_id, new_run_id, now
from waves.models import Output
from waves.outcomes import Answer, Answered, Ask, Discarded, Fatal, Labelled, Outcome, Retryable, Snoozed
from waves.steps.budget.caps import max_request_cost, over_budget_ending
from waves.steps.budget.pricing import price_calls
from waves.steps.requests.model_choice import ModelChoice
from waves.steps.requests.outage import reason_of
from waves.steps.requests.policy import Try, other_model, speaks_for_outage
from waves.steps.session.session import Invocation, Session, open_session
from waves.store.tables import ledger

OUTSIDE = "outside-any-wave"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model answers about one input. `output` has the rubric's fields without `confidence`, a decimal as
    Decimal; `raw` is the answer as it came, of `model`."""

    output: Output = field(hash=False)
    confidence: float | None
    version: str
    raw: str
    model: str

    @property
    def labels(self) -> list[str]:
        """The labels of a rubric that classifies."""
        return list(self.output["labels"])


def judge(invocation: Invocation, values: Mapping[str, str | None]) -> Judgement:
    """Judge one input, given as values of the theme's input columns; a column without a value is NULL. Asks once,
    and each further model of the chain once where the one before it does not answer, as a fire does.

    Raises TryLaterError if the provider gives no answer now, BadDataError if the answer cannot be used or the model
    refuses.
    """
    with open_session(invocation, new_run_id()) as session:
        columns = session.theme.source.input
        foreign = sorted(set(values) - set(columns))
        if foreign:
            raise ConfigurationError(f"unknown input {foreign[0]!r}", f"Inputs of this theme: {', '.join(columns)}.")
        with rehearse(session.backend) as backend:
            models = ModelChoice(session, backend)
            while True:
                ask = Ask(new_call_id(), models.current, (("1", {name: values.get(name) for name in columns}),))
                outcome, answer = _ask_recorded(session, backend, ask)
                following = _next_model(models, outcome)
                if following is None:
                    break
                models.use(following, reason_of(outcome))
        match outcome:
            case Answered(labelled=(Labelled(output=output, confidence=confidence),)) if answer is not None:
                return Judgement(output, confidence, session.rubric.version, answer.raw, ask.model)
            case _:
                raise _fault(outcome)


def _next_model(models: ModelChoice, outcome: Outcome) -> str | None:
    """The model to ask next, if this one did not answer and there is another."""
    if speaks_for_outage(outcome):
        return models.after(models.current)
    return other_model(Try(("1",), models.current), outcome, models.chain)


def _ask_recorded(session: Session, backend: BackendConfig, ask: Ask) -> tuple[Outcome, Answer | None]:
    sent = _reserve(session, ask)
    outcome, answer = asyncio.run(_ask(backend, session.rubric, ask))
    _record_outcome(session, sent, outcome, answer)
    return outcome, answer


async def _ask(config: BackendConfig, rubric: Rubric, ask: Ask) -> tuple[Outcome, Answer | None]:
    received: list[Answer] = []
    backend = open_backend(config, rubric)
    try:
        outcome = await backend.ask(ask, received.append)
    finally:
        await backend.close()
    return outcome, received[0] if received else None


def _reserve(session: Session, ask: Ask) -> Sent:
    """Enter the request into the ledger before it goes out: no other process takes the same remainder of a cap, and
    the request counts however this process ends."""
    sent = Sent(
        call_id=ask.call_id,
        version=session.rubric.version,
        model=ask.model,
        backend=session.backend.name,
        items=(),
        strict=False,
        reserved_usd=max_request_cost(session.backend, ask, session.rubric),
        at=now(),
    )
    with session.db.transaction():
        ledger.lock_budget(session.db)
        if (ending := over_budget_ending(session, ask)) is not None:
            raise OverBudgetError(ending.reason or "", "Nothing was asked.")
        _record_call(session, Call(sent, session.run_id))
    return sent


def _record_outcome(session: Session, sent: Sent, outcome: Outcome, answer: Answer | None) -> None:
    paid = Paid(sent.call_id, answer.status, answer.usage, "", now()) if answer else None
    maybe = isinstance(outcome, Retryable | Snoozed) and outcome.maybe_paid
    ended = None if answer else Ended(sent.call_id, "maybe_paid" if maybe else "unpaid", type(outcome).__name__, now())
    _record_call(session, Call(sent, session.run_id, paid, ended))


def _record_call(session: Session, call: Call) -> None:
    ledger.record_calls(session.db, session.theme.theme_id, OUTSIDE, price_calls(session, [call]))


def _fault(outcome: Outcome) -> WaveError:
    match outcome:
        case Answered(rejected=rejected):
            return BadDataError(f"the answer cannot be used: {rejected[0].reason}", "Ask again, or fix the rubric.")
        case Discarded(reason=reason):
            return BadDataError(f"the provider rejects this input: {reason}", "Check the input and the rubric.")
        case Retryable(reason=reason) | Snoozed(reason=reason):
            return TryLaterError(f"no answer now: {reason}", "Ask again later.")
        case Fatal():
            return outcome.as_error()
