"""What the end of a request means for its items, the ledger and attempts. `run` uses this live, `rescue` afterwards.

The ledger has each call once, and attempts are charged in the same transaction, only for calls that the ledger did not
have or whose end it did not know. So replaying a journal changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from waves.backends.answers.interpret import interpret
from waves.calls import Call, Sent
from waves.config.rubric import Rubric
from waves.errors import WaveError
from waves.ids import now
from waves.models import Ending, Identity, Manifest, Meter, Part
from waves.outcomes import Answered, Outcome, Rejected
from waves.spool import files
from waves.steps.budget.pricing import price_calls
from waves.steps.requests.policy import Decision, Try, decide
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, WaveContents, contents_of
from waves.store.tables import ledger, verdicts
from waves.store.tables.verdicts import Failure


@dataclass(frozen=True, slots=True)
class SettledCall:
    """One finished request as the journal has it, and the decision on its answer; None if nothing follows from it."""

    call: Call
    decision: Decision | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class PassResult:
    """One pass over a wave's batches. `ending` says why the fire cannot continue, if so; `fault` is to be raised once
    everything else is recorded. `settled` are the requests that ended, in that order, and those that a fault left in
    flight; `unanswered` the items that are to blame for having no answer; `parts` what was written; `meters` those of
    the newest answer."""

    ending: Ending | None
    fault: WaveError | None
    settled: Sequence[SettledCall]
    unanswered: Sequence[Failure]
    parts: Mapping[Identity, Part]
    meters: Sequence[Meter]


def settled_call(call: Call, decision: Decision | None = None) -> SettledCall:
    """Keeps the raw answer only if items failed or were refused by it, for a person to look at. This bounds memory."""
    if call.paid is not None and not (decision is not None and (decision.failed or decision.refused)):
        call = replace(call, paid=replace(call.paid, raw=""))
    return SettledCall(call, decision)


def outcome_of_call(call: Call, rubric: Rubric) -> Outcome | None:
    """What the paid answer of a request means; None if no answer came, or the request was a probe."""
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


def record_settled(
    session: Session, manifest: Manifest, settled: Iterable[SettledCall], unanswered: Iterable[Failure] = ()
) -> None:
    """Enter finished requests into the ledger and the failures of their items into the verdicts, in one transaction.

    `unanswered` are failures that no single request shows: items that got no answer in any try of a pass. An evaluation
    charges no attempts: it asks for gold, and no row fails by that.
    """
    entries = list(settled)
    names = (manifest.theme_id, manifest.wave_id)
    version, run_id = manifest.rubric_version, session.run_id
    with session.db.transaction():
        news = ledger.record_calls(session.db, *names, price_calls(session, [entry.call for entry in entries]))
        if manifest.kind == "evaluation":
            return
        decided = [(entry.call, entry.decision) for entry in entries if entry.call.sent.call_id in news]
        failed = [failure for call, decision in decided if decision for failure in _failures(call, decision.failed)]
        refused = [failure for call, decision in decided if decision for failure in _failures(call, decision.refused)]
        verdicts.charge(session.db, *names, version, [*failed, *unanswered], session.limits.max_attempts, run_id)
        verdicts.refuse(session.db, *names, version, refused, run_id)


def _failures(call: Call, rejected: Iterable[Rejected]) -> Iterator[Failure]:
    asked = {short_id: (key, input_hash) for short_id, key, input_hash in call.sent.items}
    raw = call.paid.raw if call.paid else None
    for item in rejected:
        yield Failure(*asked[item.short_id], item.reason, raw, call.sent.call_id)


def _replayed_decision(call: Call, outcome: Outcome) -> Decision:
    """The decision on the answer when it came, as far as the journal shows it. The journal does not say whether a
    truncated answer was the larger try; so such an answer charges no attempt."""
    sent = call.sent
    this = Try(tuple(short_id for short_id, _, _ in sent.items), sent.model, strict=sent.strict)
    return decide(this, outcome, chain=(sent.model,), max_tokens=0, jitter=0.0)


def replay_journals(session: Session, wave: Wave) -> int:
    """Bring parts, ledger and attempts up to what the journals say. Returns the number of parts that were missing."""
    present = wave.parts.present()
    settled, rebuilt = [], 0
    for call in wave.folder.calls().values():
        outcome = outcome_of_call(call, wave.rubric)
        settled.append(SettledCall(call, _replayed_decision(call, outcome) if outcome else None))
        for part in parts_of(wave.manifest, call.sent, outcome) if outcome else ():
            if (part.entity_key, part.input_hash) not in present:
                wave.parts.write(part)
                rebuilt += 1
    record_settled(session, wave.manifest, settled)
    return rebuilt


def read_wave(session: Session, wave: Wave) -> WaveContents:
    """Read every part. Corrupt parts are set aside and rebuilt from the journals, as far as these have their
    answers."""
    valid, corrupt = wave.parts.read()
    if corrupt:
        for path in corrupt:
            files.set_aside(path, wave.folder.path / "corrupt")
        session.log.write("corrupt_parts", wave=wave.wave_id, count=len(corrupt))
        replay_journals(session, wave)
        valid, _ = wave.parts.read()
    return contents_of(session.db, wave, valid)
