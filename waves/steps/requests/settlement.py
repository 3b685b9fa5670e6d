"""What the end of a request means for its items, the ledger and attempts. `run` uses this live, `rescue` afterwards.

The ledger has each call once. A rescue charges attempts in the same transaction, only for calls that the ledger did not
have or whose end it did not know. So replaying a journal changes nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
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
from waves.steps.requests.given_up_guard import too_much_given_up
from waves.steps.requests.policy import Decision, Try, decide
from waves.steps.requests.unusable import UnusableRun, is_unusable
from waves.steps.session.holding import hold
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, WaveContents, contents_of, split_items
from waves.store.tables import ledger, verdicts
from waves.store.tables.verdicts import Failure


@dataclass(frozen=True, slots=True)
class SettledCall:
    """One finished request as the journal has it, and the decision on its answer; None if nothing follows from it.
    `unusable`: something came back, and nothing of it can be stored."""

    call: Call
    decision: Decision | None = field(default=None, hash=False)
    unusable: bool = False


@dataclass(frozen=True, slots=True)
class PassResult:
    """One pass over a wave's batches. `ending` says why the fire cannot continue, if so; `fault` is to be raised once
    everything else is recorded. `settled` are the requests that ended, in that order, and those that a fault left in
    flight; `unanswered` the items that are to blame for having no answer; `withdrawn` the requests of this pass or an
    earlier one whose decisions do not hold, because their model is to blame; `answered`: some answer of this fire was
    of use, be it that to the example; `parts` what was written; `meters` those of the newest answer."""

    ending: Ending | None
    fault: WaveError | None
    settled: Sequence[SettledCall]
    unanswered: Sequence[Failure]
    withdrawn: Container[str]
    answered: bool
    parts: Mapping[Identity, Part]
    meters: Sequence[Meter]


class Failures:
    """What the passes of one fire over one wave say against its items."""

    def __init__(self, waiting: Iterable[Identity]) -> None:
        """`waiting` are items that failed in an earlier fire, and whose pause is not over."""
        self.settled: list[SettledCall] = []
        self.unanswered: list[Failure] = []
        self.not_again: set[Identity] = set(waiting)

    def add(self, result: PassResult) -> None:
        """An item without an answer is to blame only if the provider itself worked. One that failed although nothing
        else was asked with it stays for a later fire: asking again now would only cost."""
        settled = (*self.settled, *result.settled)
        withdrawn = result.withdrawn
        self.settled = [SettledCall(each.call) if each.call.sent.call_id in withdrawn else each for each in settled]
        unanswered = result.unanswered if result.ending is None and result.fault is None else ()
        self.unanswered += unanswered
        failed = {(each.entity_key, each.input_hash) for each in unanswered}
        for entry in self.settled:
            if len(entry.call.sent.items) != 1:
                continue
            ((_, key, digest),) = entry.call.sent.items
            decision = entry.decision
            if (key, digest) in failed or (decision is not None and (decision.failed or decision.refused)):
                self.not_again.add((key, digest))


def settled_call(call: Call, decision: Decision | None = None, *, unusable: bool = False) -> SettledCall:
    """Keeps the raw answer only if items failed or were refused by it, for a person to look at. This bounds memory."""
    if call.paid is not None and not (decision is not None and (decision.failed or decision.refused)):
        call = replace(call, paid=replace(call.paid, raw=""))
    return SettledCall(call, decision, unusable)


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


def to_blame(settled: Sequence[SettledCall], *, cut_off: bool) -> list[SettledCall]:
    """Requests in the order in which they ended, without the decisions of the last run if it is undecided: what they
    would charge to items may be the fault of something else. If the fire was `cut_off`, what would have come next is
    not known: the last run is undecided, and so is what a model said that had answered nothing so far."""
    run, run_began = UnusableRun(), 0
    for number, entry in enumerate(settled):
        if entry.decision is not None and entry.decision.accepted:
            run_began = number + 1 if run.accepted(entry.call.sent.at) else run_began
        elif entry.unusable:
            run.useless(((key, digest) for _, key, digest in entry.call.sent.items), entry.call.over_at)
    if not (run.undecided or cut_off):
        return list(settled)
    decided = settled[:run_began]
    answered = {each.call.sent.model for each in decided if each.decision is not None and each.decision.accepted}
    holds = [each if not cut_off or each.call.sent.model in answered else SettledCall(each.call) for each in decided]
    return [*holds, *(SettledCall(entry.call) for entry in settled[run_began:])]


def record_calls(session: Session, manifest: Manifest, settled: Iterable[SettledCall]) -> list[SettledCall]:
    """Enter finished requests into the ledger. Returns those that it did not have, or whose end it did not know: only
    their decisions may still charge something."""
    entries = list(settled)
    priced = price_calls(session, [entry.call for entry in entries])
    with session.db.transaction():
        news = ledger.record_calls(session.db, manifest.theme_id, manifest.wave_id, priced)
    return [entry for entry in entries if entry.call.sent.call_id in news]


def charge(
    session: Session,
    manifest: Manifest,
    decided: Iterable[SettledCall],
    unanswered: Iterable[Failure] = (),
    *,
    accepted: Container[Identity] = (),
) -> str | None:
    """Enter the failures and refusals of items into the verdicts: one attempt for an item, however often it was asked,
    and none for those that were `accepted` in the end. If that would give up too much of the wave, nothing is charged,
    and the reason to hold the wave is returned.

    `unanswered` are failures that no single request shows: items that got no answer in any try of a pass. An evaluation
    charges no attempts: it asks for gold, and no row fails by that.
    """
    if manifest.kind == "evaluation":
        return None
    entries = [(entry.call, entry.decision) for entry in decided if entry.decision is not None]
    failed = [failure for call, decision in entries for failure in _failures(call, decision.failed)]
    refused = [failure for call, decision in entries for failure in _failures(call, decision.refused)]
    failed, refused = (
        [failure for failure in failures if (failure.entity_key, failure.input_hash) not in accepted]
        for failures in ((*failed, *unanswered), refused)
    )
    held = too_much_given_up(session, manifest, failed, refused)
    if held is not None:  # the reasons and the answers stay, for the person who looks
        failed, refused = [replace(failure, attempts_to_add=0) for failure in (*failed, *refused)], []
    names, version, run_id = (manifest.theme_id, manifest.wave_id), manifest.rubric_version, session.run_id
    with session.db.transaction():
        verdicts.charge(session.db, *names, version, failed, session.limits.max_attempts, run_id)
        verdicts.refuse(session.db, *names, version, refused, run_id)
    return held


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
    """Bring parts, ledger and attempts up to what the journals say. Returns the number of parts that were missing.

    A wave of which too much would be given up is held, in the transaction that records its requests: nothing charges
    them later."""
    present = wave.parts.present()
    settled, rebuilt = [], 0
    for call in wave.folder.calls().values():
        outcome = outcome_of_call(call, wave.rubric)
        if outcome is None:
            settled.append(SettledCall(call))
            continue
        settled.append(SettledCall(call, _replayed_decision(call, outcome), is_unusable(outcome)))
        for part in parts_of(wave.manifest, call.sent, outcome):
            if (part.entity_key, part.input_hash) not in present:
                wave.parts.write(part)
                rebuilt += 1
    with session.db.transaction():
        decided = to_blame(record_calls(session, wave.manifest, settled), cut_off=True)
        have = wave.parts.present()
        held = charge(session, wave.manifest, decided, accepted=have)
        progress = split_items(wave.manifest, have, verdicts.settled_items(session.db, wave.wave_id))
        hold(session, wave, progress.counts(), held)
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
