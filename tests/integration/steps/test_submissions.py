"""Waves that go by several submissions, and backends that change while something is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.provider import Provider
from tests.integration.steps.conftest import Fire
from waves.config.project import Caps, Price
from waves.errors import ConfigurationError, CredentialsError
from waves.steps.submissions import hand_over
from waves.store.connect import Database
from waves.store.tables import backend_state


def fates(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT fate, count(*) FROM waves.ledger GROUP BY fate").fetchall())


def test_what_is_too_large_for_one_batch_goes_in_several_and_comes_back_from_all_of_them(
    fire_at: Callable[..., Fire], provider: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "MOST_REQUESTS", 2)
    one_fire = fire_at(batches={"looks": 1})
    first = one_fire()
    assert first.ending.state == "submitted"
    assert "5 requests" in str(first.ending.reason)
    assert len({line["batch"] for line in provider.lines("arrived")}) == 3
    assert one_fire().counts.matched == 20
    assert fates(db) == {"paid": 5}


def test_a_refusal_after_the_first_of_several_leaves_that_one_away_and_the_rest_is_sent_later(
    fire_at: Callable[..., Fire], provider: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "MOST_REQUESTS", 2)
    one_fire = fire_at(down=[{"fault": "429", "start": 4, "end": 5}])
    assert one_fire().ending.state == "snoozed"
    assert db.execute("SELECT state FROM waves.wave").fetchall() == [("submitted",)]
    assert fates(db) == {"unpaid": 2, "maybe_paid": 2}
    for _ in range(3):
        backend_state.wake(db, "rehearsal")
        report = one_fire()
        if report.counts.matched:
            break
    assert report.counts.matched == 20
    assert fates(db) == {"unpaid": 2, "paid": 5}
    items = [item["sha256"] for line in provider.answers() for item in line["items"]]
    assert len(set(items)) == len(items)


def test_a_wave_that_is_away_needs_its_backend_as_it_was(fire_at: Callable[..., Fire]) -> None:
    one_fire = fire_at(batches={"looks": 1})
    assert one_fire().ending.state == "submitted"
    changed = one_fire(kind="anthropic")
    assert isinstance(changed.fault, ConfigurationError)
    assert "rehearsal" in changed.fault.message
    assert one_fire().counts.matched == 20


def test_no_more_is_handed_over_than_the_cap_leaves_and_what_is_away_counts(
    fire_at: Callable[..., Fire], provider: Provider, db: Database
) -> None:
    """A request may take 768 tokens of output, at half of 1000 dollars a million: two fit under the cap."""
    one_fire = fire_at(batches={"looks": 1})
    money: dict[str, Any] = {"prices": {"m": Price(0.0, 1000.0)}, "caps": Caps(day=1.0)}
    report = one_fire(**money)
    assert report.ending.state == "submitted"
    assert len(provider.lines("arrived")) == 2
    assert (
        db.execute("SELECT fate, reserved_usd, batch FROM waves.ledger").fetchall() == [("maybe_paid", 0.384, True)] * 2
    )
    assert one_fire(**money | {"caps": Caps(day=0.4)}).ending.state == "over_budget"
    while report.ending.state == "submitted":
        report = one_fire(**money)
        counted = db.execute("SELECT sum(coalesce(cost_usd, reserved_usd)) FROM waves.ledger").fetchone()
        assert counted is not None
        assert counted[0] <= 1.0
    assert (report.ending.state, report.counts.matched) == ("complete", 20)


@pytest.mark.parametrize("key", [None, "sk-ant-oat01-of-a-subscription"])
def test_without_a_key_that_batches_take_nothing_is_sent(
    key: str | None, fire_at: Callable[..., Fire], db: Database
) -> None:
    report = fire_at()(api_key=key)
    assert isinstance(report.fault, CredentialsError)
    assert report.fault.hint
    assert fates(db) == {}


def test_a_batch_that_was_deleted_is_for_a_person(fire_at: Callable[..., Fire], provider: Provider) -> None:
    one_fire = fire_at(batches={"looks": 1})
    assert one_fire().ending.state == "submitted"
    provider.restart()  # whose batches are gone
    report = one_fire()
    assert isinstance(report.fault, ConfigurationError)
    assert "workspace" in report.fault.hint
