"""What a request's end means for items, ledger and attempts: one reading, used live by `run` and later by `rescue`.

The ledger is unique by call, and attempts are charged in the same transaction only for calls that it did not know, or
whose end it did not know: replaying a journal changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from waves.backends.answers.interpret import interpret
from waves.calls import Call, Sent
from waves.config.rubric import Rubric
from waves.ids import now
from waves.models import Manifest, Part
from waves.outcomes import Answered, Outcome, Rejected
from waves.steps.budget.pricing import priced
from waves.steps.requests.policy import Decision
from waves.steps.session.session import Session
from waves.store.tables import ledger, verdicts
from waves.store.tables.verdicts import Failure


@dataclass(frozen=True, slots=True)
class Settled:
    """One finished request: what the journal holds of it, and what follows from its answer (None: nothing follows)."""

    call: Call
    decision: Decision | None = field(default=None, hash=False)


def read(call: Call, rubric: Rubric) -> Outcome | None:
    """How the paid answer of a request reads; None where none came, or it was a probe's."""
    if call.paid is None or not call.sent.items:
        return None
    return interpret(call.paid.raw, rubric, [short_id for short_id, _, _ in call.sent.items], strict=call.sent.strict)


def parts_of(manifest: Manifest, sent: Sent, outcome: Outcome) -> Iterator[Part]:
    """The parts that an answer yields. Ids are resolved only through the request's own `sent` line."""
    if not isinstance(outcome, Answered):
        return
    asked = {short_id: (key, input_hash) for short_id, key, input_hash in sent.items}
    for labelled in outcome.labelled:
        entity_key, input_hash = asked[labelled.short_id]
        yield Part(
            theme=manifest.theme_id,
            wave=manifest.wave_id,
            entity_key=entity_key,
            input_hash=input_hash,
            rubric_version=sent.version,
            model=sent.model,
            backend=sent.backend,
            call_id=sent.call_id,
            output=labelled.output,
            confidence=labelled.confidence,
            parse=labelled.parse,
            created_at=now(),
        )


def book(session: Session, manifest: Manifest, settled: Iterable[Settled], unanswered: Iterable[Failure] = ()) -> None:
    """Enter finished requests into the ledger, and what their items failed at into the verdicts; all or nothing.

    `unanswered` are failures that no single request shows: items that got no answer in any try of a pass. An evaluation
    charges no attempts: what it asks for is gold, and no row fails by it.
    """
    found = list(settled)
    names = (manifest.theme_id, manifest.wave_id)
    version, run_id = manifest.rubric_version, session.run_id
    with session.db.transaction():
        known = ledger.settle(session.db, *names, priced(session, [entry.call for entry in found]))
        if manifest.kind == "evaluation":
            return
        new = [(entry.call, entry.decision) for entry in found if entry.call.sent.call_id in known]
        failed = [failure for call, told in new if told for failure in _failures(call, told.failed)]
        refused = [failure for call, told in new if told for failure in _failures(call, told.refused)]
        verdicts.charge(session.db, *names, version, [*failed, *unanswered], session.limits.max_attempts, run_id)
        verdicts.refuse(session.db, *names, version, refused, run_id)


def _failures(call: Call, rejected: Iterable[Rejected]) -> Iterator[Failure]:
    asked = {short_id: (key, input_hash) for short_id, key, input_hash in call.sent.items}
    raw = call.paid.raw if call.paid else None
    for item in rejected:
        yield Failure(*asked[item.short_id], item.reason, raw, call.sent.call_id)
