"""A wave that is given up keeps what it paid for, wherever it was paid and however broken its folder is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from waves.config.project import Project
from waves.errors import ConfigurationError, LockedError
from waves.fire import FireOptions, fire
from waves.spool import wave_dir
from waves.steps.operator import by_hand
from waves.steps.operator.takeover import takeover
from waves.steps.session.session import Invocation
from waves.store.connect import Database


def calls(db: Database) -> int:
    row = db.execute("SELECT count(*) FROM waves.ledger").fetchone()
    assert row is not None
    return int(row[0])


def half_done(opening: Callable[..., Invocation]) -> str:
    """A converged wave of 20 that is not collected."""
    by_hand.prepare_wave(opening())
    report = by_hand.run_wave(opening())
    assert report.ending.state == "converged"
    assert report.wave_id is not None
    return report.wave_id


def test_what_an_abandoned_wave_paid_for_is_restored_without_asking_again(
    project: Project, opening: Callable[..., Invocation], db: Database
) -> None:
    wave_id = half_done(opening)
    before = calls(db)

    assert by_hand.abandon_wave(opening(), "ana", "wrong") == wave_id
    report = fire(project, "notes", FireOptions(keys=1))

    assert report.counts.emitted == 1
    assert calls(db) == before + 1
    assert db.execute("SELECT count(*) FROM notes WHERE version IS NOT NULL").fetchone() == (21,)
    assert wave_dir.closed_on_disk(project.data, "notes", wave_id)


def test_a_wave_whose_manifest_is_broken_can_be_given_up_and_is_set_aside(
    project: Project, opening: Callable[..., Invocation]
) -> None:
    wave_id = half_done(opening)
    (project.data / "notes" / "waves" / wave_id / "manifest.json").write_bytes(b"{")
    assert fire(project, "notes", FireOptions()).exit_code == 65

    by_hand.abandon_wave(opening(), "ana", "disk fault")
    report = fire(project, "notes", FireOptions(until_complete=True))

    assert (report.ending.state, report.counts.matched) == ("complete", 30)
    assert (project.data / "notes" / "unreadable" / wave_id).is_dir()


def test_a_wave_of_another_host_is_left_alone_until_somebody_takes_it_over(
    project: Project, opening: Callable[..., Invocation], db: Database
) -> None:
    by_hand.prepare_wave(opening())
    db.execute("UPDATE waves.wave SET host = 'elsewhere'")

    report = fire(project, "notes", FireOptions())
    assert report.exit_code == 75
    assert "elsewhere" in (report.ending.reason or "")
    assert "wave takeover notes" in (report.ending.reason or "")

    assert takeover(project, "notes", by="ana", reason="").host == "elsewhere"
    assert fire(project, "notes", FireOptions()).ending.state == "collected"


def test_there_must_be_a_wave_to_give_up(project: Project, opening: Callable[..., Invocation]) -> None:
    with pytest.raises(ConfigurationError, match="no open wave"):
        by_hand.abandon_wave(opening(), "ana", "")
    with pytest.raises(ConfigurationError, match="no open wave"):
        takeover(project, "notes", by="ana", reason="")


def test_a_wave_that_is_being_fired_cannot_be_taken_over(
    project: Project, opening: Callable[..., Invocation], database_url: str
) -> None:
    from waves.store.host_lock import HostLock

    by_hand.prepare_wave(opening())
    lock = HostLock(database_url, "notes")
    assert lock.acquire()
    try:
        with pytest.raises(LockedError):
            takeover(project, "notes", by="ana", reason="")
    finally:
        lock.release()
