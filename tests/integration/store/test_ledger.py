"""The ledger: every request once, whatever is replayed; an entry only ever learns more; unknown money is no zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waves.calls import Call, Ended, Paid, Sent
from waves.models import Usage
from waves.store.connect import Database
from waves.store.tables import ledger
from waves.store.tables.ledger import LedgerEntry

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC)
SENT = Sent("c1", "v1-0", "m", "api", (("1", "k1", "h1"), ("2", "k2", "h2")), False, 0.5, NOW)
CALL = Call(SENT, "r1")
PAID = Paid("c1", 200, Usage(10, 20, 30, 40), "{}", NOW)


def _ended(fate: str, reason: str = "why") -> Ended:
    return Ended("c1", fate, reason, NOW)  # type: ignore[arg-type]


def _row(db: Database) -> tuple[object, ...]:
    row = db.execute("SELECT fate, status, items, input_tokens, cache_read_tokens, cost_usd, reason FROM waves.ledger")
    return row.fetchone() or ()


def _settle(db: Database, *calls: Call) -> set[str]:
    """What was sent through `rehearsal` is free; the price of everything else is unknown."""
    entries = [LedgerEntry(call, 0.0 if call.paid and call.sent.backend == "rehearsal" else None) for call in calls]
    return ledger.record_calls(db, "letters", "w1", entries)


def test_a_paid_call_is_entered_with_its_tokens_once(db: Database) -> None:
    call = replace(CALL, paid=PAID)
    assert _settle(db, call) == {"c1"}
    assert _row(db) == ("paid", 200, 2, 10, 40, None, None)
    assert _settle(db, call) == set()
    assert db.execute("SELECT count(*) FROM waves.ledger").fetchone() == (1,)


def test_nothing_to_enter_is_fine(db: Database) -> None:
    assert _settle(db) == set()


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (None, "maybe_paid"),
        (_ended("maybe_paid"), "maybe_paid"),
        (_ended("worker_lost"), "maybe_paid"),
        (_ended("unpaid"), "unpaid"),
    ],
)
def test_a_call_that_was_not_answered_may_have_been_paid_unless_the_provider_said_no(
    db: Database, ended: Ended | None, expected: str
) -> None:
    assert _settle(db, replace(CALL, ended=ended)) == {"c1"}
    assert _row(db)[0] == expected


@pytest.mark.parametrize("before", [None, _ended("maybe_paid"), _ended("unpaid")])
def test_a_call_may_turn_out_paid_and_never_the_reverse(db: Database, before: Ended | None) -> None:
    unanswered = replace(CALL, ended=before)
    _settle(db, unanswered)
    assert _settle(db, replace(unanswered, paid=PAID)) == (set() if before else {CALL.sent.call_id})
    assert _row(db)[:4] == ("paid", 200, 2, 10)
    _settle(db, unanswered)
    assert _row(db)[:4] == ("paid", 200, 2, 10)


def test_replaying_a_paid_call_does_not_wipe_the_price_that_it_got_since(db: Database) -> None:
    _settle(db, replace(CALL, paid=PAID))
    db.execute("UPDATE waves.ledger SET cost_usd = 0.25")
    _settle(db, replace(CALL, paid=PAID))
    assert ledger.theme_spend(db, "letters").total_usd == 0.25


def test_a_call_in_flight_gets_its_end_later_and_then_keeps_it(db: Database) -> None:
    _settle(db, CALL)
    _settle(db, replace(CALL, ended=_ended("unpaid", "429\x00")))
    assert (_row(db)[0], _row(db)[-1]) == ("unpaid", "429\\u0000")
    _settle(db, CALL)
    assert _row(db)[0] == "unpaid"


def test_a_run_knows_what_it_sent_and_what_that_cost(db: Database) -> None:
    assert ledger.run_spend(db, "r1") == ledger.RunSpend(0, Usage(0, 0, 0, 0), 0.0)
    free = replace(SENT, call_id="c0", backend="rehearsal")
    _settle(db, replace(CALL, sent=free, paid=replace(PAID, call_id="c0")), replace(CALL, ended=_ended("unpaid")))
    assert ledger.run_spend(db, "r1") == ledger.RunSpend(2, Usage(10, 20, 30, 40), 0.0)
    silent = replace(PAID, call_id="c2", usage=Usage(1, 1, None, 1))
    _settle(db, replace(CALL, sent=replace(SENT, call_id="c2"), paid=silent))
    assert ledger.run_spend(db, "r1") == ledger.RunSpend(3, Usage(11, 21, None, 41), None)
    assert ledger.run_spend(db, "r2").calls == 0


def test_spend_is_unknown_as_soon_as_one_price_is(db: Database) -> None:
    assert ledger.theme_spend(db, "letters") == ledger.Spend(0.0, 0.0)
    free = replace(CALL, sent=replace(SENT, call_id="c0", backend="rehearsal"), paid=replace(PAID, call_id="c0"))
    _settle(db, free, replace(CALL, sent=replace(SENT, call_id="c2"), ended=_ended("unpaid")))
    assert ledger.theme_spend(db, "letters") == ledger.Spend(0.0, 0.0)
    old = replace(SENT, call_id="c3", at=NOW - timedelta(days=2))
    _settle(db, replace(CALL, sent=old, paid=replace(PAID, call_id="c3")))
    assert ledger.theme_spend(db, "letters") == ledger.Spend(0.0, None, ["m"])
    _settle(db, replace(CALL, paid=PAID))
    assert ledger.theme_spend(db, "letters") == ledger.Spend(None, None, ["m"])


def test_spend_adds_up_prices(db: Database) -> None:
    _settle(db, replace(CALL, paid=PAID), replace(CALL, sent=replace(SENT, call_id="c2", at=NOW - timedelta(days=2))))
    db.execute("UPDATE waves.ledger SET cost_usd = 0.25")
    assert ledger.theme_spend(db, "letters") == ledger.Spend(0.25, 0.5, [], 0.5)
    assert ledger.theme_spend(db, "numbers") == ledger.Spend(0.0, 0.0)
