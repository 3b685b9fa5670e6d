"""A finished request is recorded once, however often it is reported: its attempts, its verdicts, its ledger row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from waves.calls import Call, Paid, Sent
from waves.models import Item, Limits, Manifest, Usage
from waves.outcomes import Rejected
from waves.steps.requests.policy import Decision
from waves.steps.requests.settlement import SettledCall, charge, record_calls
from waves.steps.session.session import Session
from waves.store.rubrics import rubric_registry
from waves.store.tables import verdicts, waves
from waves.store.tables.verdicts import Failure

pytestmark = pytest.mark.postgres

AT = datetime(2026, 11, 20, tzinfo=UTC)
ITEMS = tuple(Item(f"k{n}", f"h{n}", {}) for n in range(1, 4))


def sent(call_id: str = "c1") -> Sent:
    items = tuple((str(n), *item.identity) for n, item in enumerate(ITEMS, 1))
    return Sent(call_id, "v1-0000000", "model-1", "provider", items, strict=True, reserved_usd=None, at=AT)


def manifest(installation: str) -> Manifest:
    return Manifest(installation, "comments", "w", "normal", "v1-0000000", "provider", "m", Limits(), ITEMS, AT)


def settled(decision: Decision, call_id: str = "c1") -> SettledCall:
    return SettledCall(Call(sent(call_id), "run-1", Paid(call_id, 200, Usage(10, 5, 0, 0), '{"raw": 1}', AT)), decision)


@pytest.fixture
def wave(session: Session) -> Manifest:
    opened = manifest(session.db.installation)
    rubric_registry.ensure_theme(session.db, "comments")
    waves.open_wave(session.db, opened, session.host)
    return opened


def record(session: Session, wave: Manifest, entries: list[SettledCall], unanswered: Sequence[Failure] = ()) -> None:
    charge(session, wave, record_calls(session, wave, entries), unanswered)


def verdict_rows(session: Session) -> list[tuple[object, ...]]:
    return session.db.execute(
        "SELECT entity_key, state, attempts, reason, raw FROM waves.verdict ORDER BY entity_key"
    ).fetchall()


def test_a_request_that_is_booked_again_changes_nothing(session: Session, wave: Manifest) -> None:
    entry = settled(Decision(failed=(Rejected("1", "no label"),), refused=(Rejected("2", "the model refused"),)))
    for _ in range(3):
        record(session, wave, [entry])
        assert verdict_rows(session) == [
            ("k1", "failed", 1, "no label", '{"raw": 1}'),
            ("k2", "refused", 1, "the model refused", '{"raw": 1}'),
        ]
    assert session.db.execute("SELECT count(*) FROM waves.ledger").fetchone() == (1,)
    assert verdicts.settled_items(session.db, "w") == {("k2", "h2"): "refused"}


def test_each_fire_in_which_an_item_failed_costs_an_attempt_until_it_is_quarantined(
    session: Session, wave: Manifest
) -> None:
    for number in range(1, session.limits.max_attempts + 1):
        fire = replace(session, run_id=f"run-{number}")
        for request in range(3):
            failed = settled(Decision(failed=(Rejected("1", "no label"),)), f"c{number}-{request}")
            record(fire, wave, [failed, replace(failed, call=settled(Decision(), f"again{number}-{request}").call)])
        assert verdict_rows(session)[0][2] == number
    assert verdict_rows(session)[0][1] == "quarantined"
    assert verdicts.settled_items(session.db, "w") == {("k1", "h1"): "quarantined"}


def test_what_went_unanswered_is_charged_beside_the_requests(session: Session, wave: Manifest) -> None:
    record(session, wave, [settled(Decision())], [Failure("k3", "h3", "60 s", None, "c1")])
    assert verdict_rows(session) == [("k3", "failed", 1, "60 s", None)]


def test_a_request_from_which_nothing_follows_is_in_the_ledger_alone(session: Session, wave: Manifest) -> None:
    record(session, wave, [SettledCall(Call(sent(), "run-1"))])
    assert verdict_rows(session) == []
    assert session.db.execute("SELECT fate FROM waves.ledger").fetchone() == ("maybe_paid",)
