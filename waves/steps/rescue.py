"""Repairs what a killed fire left: journals are entered into the ledger, missing parts rebuilt, temporary files
removed, run rows of dead processes closed. Idempotent and free: nothing is asked.
"""

from __future__ import annotations

from waves.errors import BadDataError
from waves.spool import files, wave_dir
from waves.spool.journal import run_of
from waves.steps.budget.pricing import price_unpriced_calls
from waves.steps.requests.settlement import replay_journals
from waves.steps.session.session import Session
from waves.steps.session.wave import open_from_disk
from waves.store.merge import versioned_upsert
from waves.store.tables import run_metrics, waves


def rescue(session: Session) -> None:
    """Repair every wave of the theme on this host that is not yet closed on disk."""
    files.sweep_temporary(session.folder)
    for wave_id in wave_dir.wave_ids(session.data, session.theme.theme_id):
        if not wave_dir.closed_on_disk(session.data, session.theme.theme_id, wave_id):
            _rescue_wave(session, wave_id)
    _rescue_evaluations(session)
    price_unpriced_calls(session)
    # last: until its journals are in the ledger, a dead run's row is the record of what it may have spent
    run_metrics.close_dead_runs(session.db, session.theme.theme_id, session.host)


def _rescue_wave(session: Session, wave_id: str) -> None:
    """ConfigurationError, before anything is changed, if the folder belongs to another database."""
    path = session.folder / "waves" / wave_id
    state = waves.state(session.db, wave_id)
    try:
        wave = open_from_disk(session, wave_id)
    except BadDataError as defect:
        if state not in (None, "abandoned"):
            raise
        session.log.write("set_aside", wave=wave_id, reason=defect.message)
        files.set_aside(path, session.folder / "unreadable")
        return
    if state is None and not wave.folder.journals():
        # prepare makes the folder first and the row second: nothing was ever sent for this wave
        files.remove_tree(path)
        return
    session.log.write("rescued", wave=wave_id, parts_rebuilt=replay_journals(session, wave))
    if state in (None, "abandoned"):
        # a database that was restored from an older backup does not know a wave that was paid for
        valid, _ = wave.parts.read()
        kept = versioned_upsert.remember(session.db, session.shape, wave.manifest, session.run_id, valid.values())
        session.log.write("remembered", wave=wave_id, verdicts=kept)
    if state in (None, "closed", "abandoned"):
        wave.folder.close({"wave_id": wave_id, "state": state or "forgotten"})


def _rescue_evaluations(session: Session) -> None:
    """Enter what a killed evaluation has sent into the ledger; the evaluation continues when it is started again. One
    that ended in order has done this itself: only those with a journal of a run that died on this host are read."""
    dead_runs = set(run_metrics.running_ids(session.db, session.theme.theme_id, session.host))
    for wave_id in wave_dir.wave_ids(session.data, session.theme.theme_id, "evaluations"):
        journals = (session.folder / "evaluations" / wave_id / "journal").glob("*.jsonl")
        if dead_runs.isdisjoint(map(run_of, journals)):
            continue
        try:
            wave = open_from_disk(session, wave_id, "evaluations")
        except BadDataError as defect:
            session.log.write("set_aside", wave=wave_id, reason=defect.message)
            files.set_aside(session.folder / "evaluations" / wave_id, session.folder / "unreadable")
            continue
        session.log.write("rescued", wave=wave_id, parts_rebuilt=replay_journals(session, wave))
