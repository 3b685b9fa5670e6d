"""A fault while requests are in flight: what came is kept, and what may have been paid is in the ledger at once, where
the caps of other fires look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.provider import Provider
from tests.integration.steps.conftest import Fire
from waves.errors import DatabaseError, DiskError
from waves.quota import budget
from waves.spool.journal import Journal
from waves.steps.requests.outage import OutageDetector
from waves.store.connect import Database

pytestmark = pytest.mark.postgres

FireAt = Callable[..., Fire]

N_PARALLEL = 4


def fates(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT fate, count(*) FROM waves.ledger GROUP BY fate").fetchall())


def gone(*_arguments: Any, **_more: Any) -> Any:
    raise DatabaseError("the server went away", "look at its log")


def full(*_arguments: Any) -> None:
    raise DiskError("no room", "make some")


def test_answers_that_are_under_way_when_the_database_fails_are_kept(
    fire_at: FireAt, provider: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutageDetector, "observe", gone)
    report = fire_at(latency={"kind": "uniform", "a": 0.1, "b": 0.8})(kind="anthropic", timeout=30.0)
    assert isinstance(report.fault, DatabaseError)
    assert fates(db) == {"paid": len(provider.lines("arrived"))}


def test_nothing_more_is_sent_once_the_database_cannot_tell_what_may_be_spent(
    fire_at: FireAt, provider: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved: list[object] = []

    def reserve(_purse: budget.Budget, *request: object) -> str | None:
        reserved.append(request)
        return None if len(reserved) <= 2 else gone()

    monkeypatch.setattr(budget.Budget, "reserve", reserve)
    report = fire_at(latency={"a": 0.3})(kind="anthropic", timeout=30.0)
    assert isinstance(report.fault, DatabaseError)
    assert len(provider.lines("arrived")) == 2
    assert fates(db) == {"paid": 2}


def test_what_was_in_flight_when_the_disk_failed_is_in_the_ledger_as_maybe_paid(
    fire_at: FireAt, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "paid", full)
    report = fire_at()(kind="anthropic", timeout=30.0)
    assert isinstance(report.fault, DiskError)
    assert fates(db) == {"maybe_paid": N_PARALLEL}


def test_a_batch_whose_ticket_cannot_be_written_is_in_the_ledger_and_is_found_again(
    fire_at: FireAt, provider: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_fire = fire_at()
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "ticket", full)
        assert isinstance(one_fire().fault, DiskError)
    assert fates(db) == {"maybe_paid": 5}
    assert one_fire().counts.matched == 20
    assert fates(db) == {"paid": 5}
    assert len(provider.lines("arrived")) == 5
