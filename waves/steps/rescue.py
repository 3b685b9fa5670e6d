"""Put right what a killed fire left: journals settled, lacking parts rebuilt, temporary files swept, run rows of dead
processes closed. Idempotent, and free: nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waves.calls import Call
from waves.errors import BadDataError
from waves.models import Part
from waves.outcomes import Outcome
from waves.spool import files, wave_dir
from waves.steps.budget.pricing import reprice
from waves.steps.convergence import Identity, Standing, stand
from waves.steps.requests.policy import Decision, Try, decide
from waves.steps.requests.settlement import Settled, book, parts_of, read
from waves.steps.session.session import Session
from waves.steps.session.wave import Opened, open_on_disk
from waves.store.merge import versioned_upsert
from waves.store.tables import run_metrics, verdicts, waves


def rescue(session: Session) -> None:
    """Repair every wave of the theme on this host that is not yet closed on disk."""
    files.sweep_temporary(session.folder)
    for wave_id in wave_dir.wave_ids(session.data, session.theme.theme_id):
        if not wave_dir.closed_on_disk(session.data, session.theme.theme_id, wave_id):
            _rescue_wave(session, wave_id)
    _settle_evaluations(session)
    reprice(session)
    # last: until its journals are in the ledger, a dead run's row says what it may have spent
    run_metrics.close_dead_runs(session.db, session.theme.theme_id, session.host)


def _rescue_wave(session: Session, wave_id: str) -> None:
    """Raises before anything is touched where the folder is that of another database."""
    path = session.folder / "waves" / wave_id
    state = waves.state(session.db, wave_id)
    try:
        wave = open_on_disk(session, wave_id)
    except BadDataError as defect:
        if state not in (None, "abandoned"):
            raise
        session.log.write("set_aside", wave=wave_id, reason=defect.message)
        files.set_aside(path, session.folder / "unreadable")
        return
    if state is None and not wave.folder.journals():
        # prepare makes the folder first and the row second: here nothing was ever sent
        files.remove_tree(path)
        return
    session.log.write("rescued", wave=wave_id, parts_rebuilt=settle(session, wave))
    if state in (None, "abandoned"):
        # a database that came back from an older backup knows nothing of a wave that was paid for
        valid, _ = wave.parts.read()
        kept = versioned_upsert.remember(session.db, session.shape, wave.manifest, session.run_id, valid.values())
        session.log.write("remembered", wave=wave_id, verdicts=kept)
    if state in (None, "closed", "abandoned"):
        wave.folder.close({"wave_id": wave_id, "state": state or "forgotten"})


def _settle_evaluations(session: Session) -> None:
    """Enter what a killed evaluation has sent into the ledger; it goes on when it is asked for again. One that ended in
    order has done so itself: only those in which a run has a journal that died on this host are read."""
    died = set(run_metrics.running(session.db, session.theme.theme_id, session.host))
    for wave_id in wave_dir.wave_ids(session.data, session.theme.theme_id, "evaluations"):
        journals = (session.folder / "evaluations" / wave_id / "journal").glob("*.jsonl")
        if died.isdisjoint(path.stem for path in journals):
            continue
        try:
            wave = open_on_disk(session, wave_id, "evaluations")
        except BadDataError as defect:
            session.log.write("set_aside", wave=wave_id, reason=defect.message)
            files.set_aside(session.folder / "evaluations" / wave_id, session.folder / "unreadable")
            continue
        session.log.write("rescued", wave=wave_id, parts_rebuilt=settle(session, wave))


def settle(session: Session, wave: Opened) -> int:
    """Read the journals and see that parts, ledger and attempts hold what they say; how many parts were lacking."""
    present = wave.parts.present()
    settled, rebuilt = [], 0
    for call in wave.folder.calls().values():
        outcome = read(call, wave.rubric)
        settled.append(Settled(call, _decision(call, outcome) if outcome else None))
        for part in parts_of(wave.manifest, call.sent, outcome) if outcome else ():
            if (part.entity_key, part.input_hash) not in present:
                wave.parts.write(part)
                rebuilt += 1
    book(session, wave.manifest, settled)
    return rebuilt


def _decision(call: Call, outcome: Outcome) -> Decision:
    """What followed from the answer when it came, as far as the journal tells: whether a truncated answer was the
    larger try is not in it, and then no attempt is charged."""
    sent = call.sent
    this = Try(tuple(short_id for short_id, _, _ in sent.items), sent.model, strict=sent.strict)
    return decide(this, outcome, chain=(sent.model,), budget=0, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Stock:
    """Where the wave's items are, and its valid parts by their ids."""

    standing: Standing
    parts: Mapping[Identity, Part]


def take_stock(session: Session, wave: Opened) -> Stock:
    """Read every part. Corrupt ones are set aside first; what the journals hold of them is rebuilt."""
    valid, corrupt = wave.parts.read()
    if corrupt:
        for path in corrupt:
            files.set_aside(path, wave.folder.path / "corrupt")
        session.log.write("corrupt_parts", wave=wave.wave_id, count=len(corrupt))
        settle(session, wave)
        valid, _ = wave.parts.read()
    return Stock(stand(wave.manifest, valid, verdicts.settled(session.db, wave.wave_id)), valid)


def standing(session: Session, wave: Opened) -> Standing:
    """Where the wave's items are."""
    return take_stock(session, wave).standing
