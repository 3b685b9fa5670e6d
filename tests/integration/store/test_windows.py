"""Keys of a backend's window: counted from the ledger across themes, and reserved by runs under its lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from waves.calls import Call, Ended, Paid, Sent
from waves.models import Evidence, KeysSent, Usage
from waves.store.connect import Database, open_url
from waves.store.rubrics import rubric_registry
from waves.store.tables import ledger, run_metrics, windows
from waves.store.tables.ledger import LedgerEntry

pytestmark = pytest.mark.postgres

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


def enter(db: Database, run_id: str, keys: int, fate: str = "paid", sent: datetime = NOW, backend: str = "api") -> None:
    """A request for so many keys, settled."""
    items = tuple((str(n), f"k{n}", "h") for n in range(keys))
    call_id = f"{run_id}-{backend}-{fate}-{keys}-{sent.timestamp()}"
    call = Call(Sent(call_id, "v1-0", "m", backend, items, False, None, sent), run_id)
    if fate == "paid":
        call = Call(call.sent, run_id, paid=Paid(call_id, 200, Usage(), "{}", sent))
    elif fate == "unpaid":
        call = Call(call.sent, run_id, ended=Ended(call_id, "unpaid", "429", sent))
    ledger.record_calls(db, "letters", "w1", [LedgerEntry(call)])


@pytest.fixture(autouse=True)
def runs(db: Database) -> None:
    rubric_registry.ensure_theme(db, "letters")
    for run_id in ("r1", "r2"):
        run_metrics.start_run(db, run_id, "letters", "cron", "here", 1, dry_run=False)


def test_what_was_paid_or_may_have_been_counts_from_the_window_s_start(db: Database) -> None:
    enter(db, "r1", 5)
    enter(db, "r2", 7, "maybe_paid", NOW - HOUR)
    enter(db, "r1", 100, "unpaid")
    enter(db, "r1", 100, sent=NOW - 3 * HOUR)
    enter(db, "r1", 100, sent=NOW + 3 * HOUR)
    enter(db, "r1", 100, backend="other")
    enter(db, "r1", 0)  # a probe
    assert windows.keys_sent(db, "api", NOW - 2 * HOUR, NOW + HOUR) == KeysSent(12, 5, 1, NOW)
    assert windows.keys_sent(db, "api", NOW - 9 * HOUR, NOW - 8 * HOUR) == KeysSent()


def test_running_runs_hold_what_they_have_reserved_and_not_sent(db: Database) -> None:
    windows.reserve_keys(db, "api", "r1", 50)
    windows.reserve_keys(db, "other", "r2", 30)
    assert windows.keys_reserved(db, "api", HOUR) == 50
    assert windows.keys_reserved(db, "api", HOUR, besides="r1") == 0
    enter(db, "r1", 20)
    assert windows.keys_reserved(db, "api", HOUR) == 30, "what is in the ledger is counted there"
    enter(db, "r1", 40, "maybe_paid")
    assert windows.keys_reserved(db, "api", HOUR) == 0, "asked again: more was sent than was reserved"
    windows.reserve_keys(db, "api", "r1", 10)
    assert windows.keys_reserved(db, "api", HOUR) == 10, "a new reservation takes the place of the old one"


def test_a_run_that_ends_or_dies_holds_nothing(db: Database) -> None:
    windows.reserve_keys(db, "api", "r1", 50)
    windows.reserve_keys(db, "api", "r2", 30)
    run_metrics.finish_run(db, "r1", state="snoozed")
    assert windows.keys_reserved(db, "api", HOUR) == 30
    run_metrics.close_dead_runs(db, "letters", "here")
    assert windows.keys_reserved(db, "api", HOUR) == 0


def test_a_run_whose_host_never_came_back_holds_its_keys_for_a_day_or_a_window(db: Database) -> None:
    windows.reserve_keys(db, "api", "r1", 50)
    db.execute("UPDATE waves.runs SET reserved_at = now() - interval '23 hours'")
    assert windows.keys_reserved(db, "api", HOUR) == 50
    db.execute("UPDATE waves.runs SET reserved_at = now() - interval '25 hours'")
    assert windows.keys_reserved(db, "api", HOUR) == 0
    assert windows.keys_reserved(db, "api", timedelta(days=7)) == 50


def test_evidence_comes_back_as_it_was_kept_and_leaves_a_snooze_alone(db: Database) -> None:
    assert windows.read_window(db, "api") == (None, [])
    evidence = [Evidence(NOW - HOUR, NOW, "exhausted"), Evidence(NOW, NOW + HOUR, "utilisation", 0.42)]
    windows.save_window(db, "api", NOW + HOUR, evidence)
    assert windows.read_window(db, "api") == (NOW + HOUR, evidence)
    windows.save_window(db, "api", None, evidence[:1])
    assert windows.read_window(db, "api") == (NOW + HOUR, evidence[:1])


def test_of_two_who_come_at_once_the_second_sees_what_the_first_took(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    together = Barrier(2, timeout=20)

    def take(run_id: str) -> int:
        with open_url(database_url, tmp_path) as own:
            together.wait()
            with windows.backend_lock(own, "api"):
                keys = 100 - windows.keys_reserved(own, "api", HOUR, besides=run_id)
                windows.reserve_keys(own, "api", run_id, keys)
                return keys

    for _ in range(5):
        db.execute("UPDATE waves.runs SET reserved_keys = 0")
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(take, ["r1", "r2"])) == [0, 100]
