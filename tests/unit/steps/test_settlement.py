"""What a finished request means: parts by its own ids only, and attempts that are charged once however often told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from waves.calls import Call, Paid, Sent
from waves.models import Item, Limits, Manifest, Usage
from waves.outcomes import Answered, Discarded, Labelled, Rejected, Retryable
from waves.steps.requests.policy import Decision
from waves.steps.requests.settlement import SettledCall, parts_of, record_settled
from waves.steps.session.session import Session
from waves.store.rubrics import rubric_registry
from waves.store.tables import verdicts, waves
from waves.store.tables.verdicts import Failure

AT = datetime(2026, 11, 20, tzinfo=UTC)
ITEMS = tuple(Item(f"k{n}", f"h{n}", {}) for n in range(1, 4))


def sent(call_id: str = "c1") -> Sent:
    items = tuple((str(n), *item.identity) for n, item in enumerate(ITEMS, 1))
    return Sent(call_id, "v1-0000000", "model-1", "provider", items, strict=True, reserved_usd=None, at=AT)


def manifest(installation: str = "i") -> Manifest:
    return Manifest(installation, "comments", "w", "normal", "v1-0000000", "provider", "m", Limits(), ITEMS, AT)


def settled(decision: Decision, call_id: str = "c1") -> SettledCall:
    return SettledCall(Call(sent(call_id), "run-1", Paid(call_id, 200, Usage(10, 5, 0, 0), '{"raw": 1}', AT)), decision)


def test_parts_carry_what_was_asked_under_their_short_ids() -> None:
    given = Answered((Labelled("3", {"labels": ["a"]}, 0.5, "strict"), Labelled("1", {"labels": []}, None, "repaired")))
    three, one = parts_of(manifest(), sent(), given)
    assert (three.entity_key, three.input_hash, three.output, three.confidence) == ("k3", "h3", {"labels": ["a"]}, 0.5)
    assert (one.entity_key, one.input_hash, one.parse, one.call_id) == ("k1", "h1", "repaired", "c1")
    assert (one.theme, one.wave, one.rubric_version, one.backend, one.model) == (
        "comments",
        "w",
        "v1-0000000",
        "provider",
        "model-1",
    )


@pytest.mark.parametrize("outcome", [Retryable("timeout", "60 s"), Discarded("refused", "no"), Answered()])
def test_what_is_no_answer_yields_no_part(outcome: Retryable | Discarded | Answered) -> None:
    assert list(parts_of(manifest(), sent(), outcome)) == []


def test_an_id_that_was_not_asked_for_is_never_resolved_otherwise() -> None:
    with pytest.raises(KeyError):
        list(parts_of(manifest(), sent(), Answered((Labelled("9", {}, None, "strict"),))))


@pytest.fixture
def wave(session: Session) -> Manifest:
    opened = manifest(session.db.installation)
    rubric_registry.ensure_theme(session.db, "comments")
    waves.open_wave(session.db, opened, session.host)
    return opened


def verdict_rows(session: Session) -> list[tuple[object, ...]]:
    return session.db.execute(
        "SELECT entity_key, state, attempts, reason, raw FROM waves.verdict ORDER BY entity_key"
    ).fetchall()


@pytest.mark.postgres
def test_a_request_that_is_booked_again_changes_nothing(session: Session, wave: Manifest) -> None:
    entry = settled(Decision(failed=(Rejected("1", "no label"),), refused=(Rejected("2", "the model refused"),)))
    for _ in range(3):
        record_settled(session, wave, [entry])
        assert verdict_rows(session) == [
            ("k1", "failed", 1, "no label", '{"raw": 1}'),
            ("k2", "refused", 1, "the model refused", '{"raw": 1}'),
        ]
    assert session.db.execute("SELECT count(*) FROM waves.ledger").fetchone() == (1,)
    assert verdicts.settled_items(session.db, "w") == {("k2", "h2"): "refused"}


@pytest.mark.postgres
def test_each_request_that_failed_costs_an_attempt_until_the_item_is_quarantined(
    session: Session, wave: Manifest
) -> None:
    for number in range(1, session.limits.max_attempts + 1):
        record_settled(session, wave, [settled(Decision(failed=(Rejected("1", "no label"),)), f"c{number}")])
    assert verdict_rows(session)[0][1:3] == ("quarantined", session.limits.max_attempts)
    assert verdicts.settled_items(session.db, "w") == {("k1", "h1"): "quarantined"}


@pytest.mark.postgres
def test_what_went_unanswered_is_charged_beside_the_requests(session: Session, wave: Manifest) -> None:
    record_settled(session, wave, [settled(Decision())], [Failure("k3", "h3", "60 s", None, "c1")])
    assert verdict_rows(session) == [("k3", "failed", 1, "60 s", None)]


@pytest.mark.postgres
def test_a_request_from_which_nothing_follows_is_in_the_ledger_alone(session: Session, wave: Manifest) -> None:
    record_settled(session, wave, [SettledCall(Call(sent(), "run-1"))])
    assert verdict_rows(session) == []
    assert session.db.execute("SELECT fate FROM waves.ledger").fetchone() == ("maybe_paid",)
