"""What becomes of items that were not accepted: attempts, quarantine, refusal, release."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waves.models import Item, Limits, Manifest
from waves.store.connect import Database, open_url
from waves.store.rubrics import rubric_registry
from waves.store.tables import verdicts, waves
from waves.store.tables.verdicts import Failure

pytestmark = pytest.mark.postgres

VERSION = "v1-0"
ITEM = ("k1", "h1")


@pytest.fixture
def theme(db: Database) -> str:
    rubric_registry.ensure_theme(db, "letters")
    return "letters"


def _open(db: Database, wave_id: str) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    items = (Item("k1", "h1", {}), Item("k2", "h2", {}))
    manifest = Manifest(db.installation, "letters", wave_id, "normal", VERSION, "b", "m", Limits(), items, at)
    waves.open_wave(db, manifest, "here")


def _failure(key: str = "k1", attempts: int = 1, reason: str = "no label", raw: str | None = None) -> Failure:
    return Failure(key, f"h{key[1:]}", reason, raw, "c1", attempts)


def _accept(db: Database, theme: str) -> None:
    db.execute(
        "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, attempts, output)"
        " VALUES (%(theme)s, 'k1', 'v1-0', 'h1', 'accepted', 1, '{}')",
        {"theme": theme},
    )


def _row(db: Database) -> tuple[object, ...]:
    row = db.execute("SELECT state, attempts, reason, raw, wave_id, run_id FROM waves.verdict").fetchone()
    return row or ()


def test_runs_add_up_until_the_item_is_quarantined_with_reason_and_raw(db: Database, theme: str) -> None:
    for attempt in (1, 2):
        for _ in range(2):
            charged = verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3, f"r{attempt}")
            assert charged == {ITEM: ("failed", attempt)}, "once in each run"
        assert _row(db)[4] is None
    assert verdicts.settled_items(db, "w1") == {}
    last = _failure(reason="still none", raw='{"labels": ["x"]}')
    assert verdicts.charge(db, theme, "w1", VERSION, [last], 3, "r3") == {ITEM: ("quarantined", 3)}
    assert _row(db) == ("quarantined", 3, "still none", '{"labels": ["x"]}', "w1", "r3")
    assert verdicts.settled_items(db, "w1") == {ITEM: "quarantined"}


def test_the_pause_after_a_failure_grows_to_half_a_day(db: Database, theme: str) -> None:
    pauses = []
    for run in "abcd":
        verdicts.charge(db, theme, "w1", VERSION, [_failure()], 9, run)
        pauses.append(db.scalar("SELECT round(extract(epoch FROM retry_at - now()) / 60) FROM waves.verdict"))
        db.execute("UPDATE waves.verdict SET retry_at = NULL")
        verdicts.charge(db, theme, "w1", VERSION, [_failure(attempts=0)], 9, f"held after {run}")
        assert db.scalar("SELECT retry_at FROM waves.verdict") is None, "no attempt, no pause"
    assert pauses == [1, 60, 720, 720]


def test_a_quarantine_is_audited_once(db: Database, theme: str) -> None:
    verdicts.charge(db, theme, "w1", VERSION, [_failure(attempts=2)], 3)
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3, "r2")
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3)
    rows = db.execute(
        "SELECT run_id, actor, entity_id, before_json, after_json, reason FROM waves.audit_log"
    ).fetchall()
    after = {"state": "quarantined", "attempts": 3, "rubric_version": VERSION, "input_hash": "h1"}
    assert rows == [("r2", "waves", "k1", {"state": "failed", "attempts": 2}, after, "no label")]


def test_several_failures_of_an_item_are_one_attempt(db: Database, theme: str) -> None:
    failures = [_failure(reason="first"), _failure("k2"), _failure(reason="second")]
    assert verdicts.charge(db, theme, "w1", VERSION, failures, 3) == {ITEM: ("failed", 1), ("k2", "h2"): ("failed", 1)}
    assert db.execute("SELECT reason FROM waves.verdict WHERE entity_key = 'k1'").fetchone() == ("second",)


def test_no_failures_are_no_work(db: Database, theme: str) -> None:
    assert verdicts.charge(db, theme, "w1", VERSION, [], 3) == {}


@pytest.mark.parametrize("step", [verdicts.refuse, verdicts.charge])
def test_a_failure_never_replaces_an_accepted_verdict(db: Database, theme: str, step: object) -> None:
    _accept(db, theme)
    if step is verdicts.refuse:
        assert verdicts.refuse(db, theme, "w1", VERSION, [_failure()]) == {ITEM: ("accepted", 1)}
    else:
        assert verdicts.charge(db, theme, "w1", VERSION, [_failure()], 1) == {ITEM: ("accepted", 1)}
    assert _row(db)[:3] == ("accepted", 1, None)
    assert verdicts.settled_items(db, "w1") == {}
    assert db.execute("SELECT count(*) FROM waves.audit_log").fetchone() == (0,)


def test_a_refusal_is_final_and_audited(db: Database, theme: str) -> None:
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3)
    assert verdicts.refuse(db, theme, "w1", VERSION, [_failure(reason="refusal")]) == {ITEM: ("refused", 2)}
    assert verdicts.charge(db, theme, "w2", VERSION, [_failure()], 3) == {ITEM: ("refused", 2)}
    assert verdicts.settled_items(db, "w1") == {ITEM: "refused"}
    assert db.execute("SELECT after_json->>'state', reason FROM waves.audit_log").fetchall() == [("refused", "refusal")]


def test_another_content_or_version_is_another_verdict(db: Database, theme: str) -> None:
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 1)
    assert verdicts.charge(db, theme, "w1", "v1-1", [_failure()], 3) == {ITEM: ("failed", 1)}
    edited = Failure("k1", "other", "no label", None, "c1")
    assert verdicts.charge(db, theme, "w1", VERSION, [edited], 3) == {("k1", "other"): ("failed", 1)}


def test_released_items_keep_their_attempts_and_are_settled_in_their_wave(db: Database, theme: str) -> None:
    _open(db, "w1")
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3)
    verdicts.release(db, "w1", [ITEM, ("k2", "h2"), ITEM], "3 passes")
    assert verdicts.settled_items(db, "w1") == {ITEM: "failed", ("k2", "h2"): "failed"}
    rows = db.execute("SELECT attempts, reason FROM waves.verdict ORDER BY entity_key").fetchall()
    assert rows == [(1, "no label"), (0, "3 passes")]
    audited = db.execute("SELECT entity_id, after_json, reason FROM waves.audit_log ORDER BY id").fetchall()
    assert [(key, after["state"], after["attempts"], reason) for key, after, reason in audited] == [
        ("k1", "failed", 1, "3 passes"),
        ("k2", "failed", 0, "3 passes"),
    ]
    waves.abandon(db, "w1", "ana", None)
    _open(db, "w2")
    assert verdicts.charge(db, theme, "w2", VERSION, [_failure()], 3) == {ITEM: ("failed", 2)}
    assert verdicts.settled_items(db, "w2") == {}
    verdicts.release(db, "w2", [ITEM], "3 passes")
    assert verdicts.settled_items(db, "w2") == {ITEM: "failed"}


def test_an_accepted_item_that_was_asked_again_in_vain_is_settled_and_stays_accepted(db: Database, theme: str) -> None:
    _accept(db, theme)
    _open(db, "w1")
    verdicts.release(db, "w1", [ITEM], "3 passes")
    assert verdicts.settled_items(db, "w1") == {ITEM: "accepted"}
    assert _row(db)[:3] == ("accepted", 1, "3 passes")
    assert verdicts.charge(db, theme, "w1", VERSION, [_failure()], 1) == {ITEM: ("accepted", 1)}


def test_a_settled_item_is_not_released(db: Database, theme: str) -> None:
    _open(db, "w1")
    verdicts.charge(db, theme, "w1", VERSION, [_failure()], 1)
    verdicts.release(db, "w1", [ITEM], "3 passes")
    assert verdicts.settled_items(db, "w1") == {ITEM: "quarantined"}


def test_any_text_can_be_the_reason_or_the_raw_answer(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_url(database_url, tmp_path_factory.getbasetemp()) as db:
        rubric_registry.ensure_theme(db, "letters")

        @settings(deadline=None, max_examples=50)
        @given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
        def check(reason: str, raw: str) -> None:
            failure = Failure("k1", "h1", reason, raw, "c1")
            db.execute("DELETE FROM waves.verdict")
            assert verdicts.charge(db, "letters", "w1", VERSION, [failure], 1) == {ITEM: ("quarantined", 1)}

        check()


def _clear_and_reopen(db: Database, theme: str) -> None:
    """An accepted row with two attempts behind it, whose target was cleared, and the wave that asks it again."""
    _accept(db, theme)
    db.execute("UPDATE waves.verdict SET attempts = 2, wave_id = 'w0', applied_at = now() - interval '1 hour'")
    _open(db, "w1")


def test_a_cleared_row_that_keeps_failing_stays_accepted_until_its_own_attempts_are_used_up(
    db: Database, theme: str
) -> None:
    _clear_and_reopen(db, theme)
    for attempt in (1, 2):
        assert verdicts.charge(db, theme, "w1", VERSION, [_failure()], 3) == {ITEM: ("accepted", attempt)}
        assert verdicts.settled_items(db, "w1") == {}
    assert db.execute("SELECT wave_id, output IS NOT NULL FROM waves.verdict").fetchone() == ("w0", True)
    assert verdicts.charge(db, theme, "w1", VERSION, [_failure(raw="{}")], 3) == {ITEM: ("quarantined", 3)}
    assert verdicts.settled_items(db, "w1") == {ITEM: "quarantined"}
    assert db.execute("SELECT before_json->>'state', reason FROM waves.audit_log").fetchall() == [
        ("accepted", "no label")
    ]


def test_a_cleared_row_that_is_refused_is_settled(db: Database, theme: str) -> None:
    _clear_and_reopen(db, theme)
    assert verdicts.refuse(db, theme, "w1", VERSION, [_failure()])[ITEM][0] == "refused"


def test_a_failure_of_a_wave_that_is_over_does_not_touch_an_accepted_row(db: Database, theme: str) -> None:
    _clear_and_reopen(db, theme)
    waves.abandon(db, "w1", "ana", None)
    assert verdicts.charge(db, theme, "w1", VERSION, [_failure()], 1) == {ITEM: ("accepted", 2)}


def test_a_retry_puts_what_was_given_up_back_with_no_attempt_used_up(db: Database, theme: str) -> None:
    verdicts.charge(db, theme, "w1", VERSION, [_failure(attempts=3, reason="no label")], 3)
    verdicts.charge(db, theme, "w1", VERSION, [_failure("k2")], 3)
    verdicts.refuse(db, theme, "w1", VERSION, [_failure("k3")])
    verdicts.charge(db, theme, "w1", "v1-1", [_failure("k4", attempts=3)], 3)
    before = [("k2", "failed", 1), ("k1", "quarantined", 3), ("k3", "refused", 1)]

    found = verdicts.given_up(db, theme, VERSION, None)
    assert [(one.entity_key, one.state, one.attempts) for one in found] == before
    assert verdicts.retry(db, theme, VERSION, ["k1", "nosuch"], by="ana", reason="") == [found[1]]
    assert len(verdicts.retry(db, theme, VERSION, None, by="ana", reason="it was broken")) == 2, "k1 is back"

    rows = db.execute("SELECT entity_key, state, attempts FROM waves.verdict ORDER BY 1").fetchall()
    assert rows == [("k1", "failed", 0), ("k2", "failed", 0), ("k3", "failed", 0), ("k4", "quarantined", 3)]
    audited = db.execute(
        "SELECT entity_id, before_json->>'state', after_json->>'state', reason FROM waves.audit_log WHERE actor = 'ana'"
        " ORDER BY id"
    ).fetchall()
    assert audited[0] == ("k1", "quarantined", "failed", "no reason was given")
    assert {row[3] for row in audited[1:]} == {"it was broken"}
    assert verdicts.charge(db, theme, "w2", VERSION, [_failure()], 3) == {ITEM: ("failed", 1)}
