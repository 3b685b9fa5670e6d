"""Whatever becomes of a batch: each item is settled, nobody is charged for the provider, nothing is paid twice."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.provider import Provider
from tests.integration.steps.conftest import Fire
from waves.fire_report import FireReport
from waves.steps.session.session import NullWatcher
from waves.store.connect import Database
from waves.store.tables import backend_state

N_NOTES = 20
N_REQUESTS = 5
HALF_AN_HOUR = 1800
A_DAY = 86_400

FireAt = Callable[..., Fire]


class Warnings(NullWatcher):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warned(self, message: str) -> None:
        self.lines.append(message)


def submitted(report: FireReport) -> str:
    assert (report.exit_code, report.ending.state) == (75, "submitted"), report
    return str(report.ending.reason)


def complete(one_fire: Fire, db: Database, fires: int = 8) -> int:
    """As cron, with a backend that somebody wakes; how many fires it took."""
    for number in range(1, fires + 1):
        backend_state.wake(db, "rehearsal")
        db.execute("UPDATE waves.verdict SET retry_at = NULL")
        report = one_fire()
        if report.ending.state == "complete":
            return number
        assert report.exit_code in {0, 75}, report
    raise AssertionError(f"not complete after {fires} fires")


def fates(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT fate, count(*) FROM waves.ledger GROUP BY fate").fetchall())


def all_accepted(db: Database) -> None:
    rows = db.execute("SELECT count(*) FROM notes WHERE labels IS NOT NULL AND version IS NOT NULL").fetchone()
    assert rows == (N_NOTES,)


def nobody_was_charged(db: Database) -> None:
    assert db.execute("SELECT FROM waves.verdict WHERE attempts > 0 OR state <> 'accepted'").fetchall() == []


def call(provider: Provider, body: Any = None) -> Any:
    """Somebody else, at the same provider; also so that the record has what nobody has looked at."""
    headers = {"x-api-key": "any", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{provider.url}/v1/messages/batches", data, headers)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def paid_once(provider: Provider) -> None:
    call(provider)
    items = [item["sha256"] for line in provider.answers() for item in line["items"]]
    assert len(items) == len(set(items)) == N_NOTES


@pytest.mark.parametrize("rules", [{"expired": 0.4}, {"canceled": 0.4}], ids=str)
def test_only_what_was_not_answered_is_handed_over_again_and_nobody_is_charged(
    rules: dict[str, Any], fire_at: FireAt, provider: Provider, db: Database
) -> None:
    complete(fire_at(batches=rules), db)
    assert len(provider.lines("arrived")) > N_REQUESTS
    all_accepted(db)
    nobody_was_charged(db)
    paid_once(provider)


def test_a_submission_whose_reply_was_lost_is_found_and_not_sent_again(
    fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire = fire_at(batches={"replies_lost": 1, "looks": 2})
    submitted(one_fire())
    assert "may be it is still running" in submitted(one_fire())
    complete(one_fire, db)
    assert len(provider.lines("arrived")) == N_REQUESTS
    paid_once(provider)


def test_a_submission_that_never_arrived_is_sent_again_after_half_an_hour_and_no_foreign_batch_is_taken(
    fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire = fire_at(batches={"requests_lost": 1, "clock_step": HALF_AN_HOUR / 2})
    submitted(one_fire())
    parameters = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "mine"}]}
    somebody = [{"custom_id": f"{'0' * 16}-{n}", "params": parameters} for n in range(N_REQUESTS)]
    call(provider, {"requests": somebody})
    assert "does not show it yet" in submitted(one_fire())
    submitted(one_fire())
    assert fates(db) == {"unpaid": N_REQUESTS, "maybe_paid": N_REQUESTS}
    complete(one_fire, db)
    assert fates(db) == {"unpaid": N_REQUESTS, "paid": N_REQUESTS}
    all_accepted(db)


def test_results_that_come_twice_or_are_foreign_or_break_off_change_nothing(
    fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire = fire_at(batches={"twice": True, "foreign": 3, "results_cut": 2})
    submitted(one_fire())
    assert one_fire().ending.state == "snoozed"
    complete(one_fire, db)
    assert len(provider.lines("arrived")) == N_REQUESTS
    assert fates(db) == {"paid": N_REQUESTS}
    paid_once(provider)


def test_a_result_that_never_comes_is_waited_for_for_a_day_then_may_have_been_paid_and_is_asked_for_again(
    fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire = fire_at(batches={"lacking": 0.4, "clock_step": A_DAY})
    submitted(one_fire())
    assert "results are not there yet" in submitted(one_fire())
    waiting = db.execute("SELECT count(*) FROM waves.ledger WHERE ended_at IS NULL").fetchone()
    assert waiting is not None
    assert waiting[0] >= 1
    assert "results are not there yet" in submitted(one_fire())
    assert len(provider.lines("arrived")) == N_REQUESTS
    for _ in range(8):
        call(provider)  # which moves the provider's clock by a day
        if one_fire().ending.state == "complete":
            break
    told = fates(db)
    assert told["maybe_paid"] >= waiting[0]
    assert told["paid"] == len(provider.answers()) - told["maybe_paid"]
    all_accepted(db)
    nobody_was_charged(db)


def test_refusals_among_results_that_are_late_are_judged_once_all_are_there(fire_at: FireAt, db: Database) -> None:
    one_fire = fire_at(batches={"late": 0.5}, faults={"400": 1.0})
    submitted(one_fire())
    for _ in range(2):
        assert f"{N_REQUESTS} of its {N_REQUESTS} results" not in submitted(one_fire())
        assert fates(db) == {"maybe_paid": N_REQUESTS}, "none of them is settled"
    assert one_fire().exit_code == 78
    assert fates(db) == {"unpaid": N_REQUESTS}
    assert db.execute("SELECT FROM waves.verdict").fetchall() == []


def test_results_that_are_not_kept_any_more_may_have_been_paid(fire_at: FireAt, db: Database) -> None:
    one_fire = fire_at(batches={"results_kept": 0})
    submitted(one_fire())
    submitted(one_fire())
    assert fates(db) == {"maybe_paid": 2 * N_REQUESTS}
    assert db.execute("SELECT count(*) FROM waves.ledger WHERE ended_at IS NULL").fetchone() == (N_REQUESTS,)
    nobody_was_charged(db)


def test_what_has_no_luck_in_any_round_goes_back_to_the_gap(fire_at: FireAt, db: Database) -> None:
    one_fire = fire_at(batches={"expired": 1.0})
    for _ in range(4):
        submitted(one_fire())
    assert db.execute("SELECT count(*) FROM waves.wave").fetchone() == (1,)
    one_fire()
    assert db.execute("SELECT DISTINCT state, attempts FROM waves.verdict").fetchall() in ([], [("failed", 0)])
    assert db.execute("SELECT state FROM waves.wave ORDER BY opened_at LIMIT 1").fetchone() == ("closed",)


def test_a_state_that_nobody_knows_counts_as_still_running(fire_at: FireAt, provider: Provider, db: Database) -> None:
    one_fire = fire_at(batches={"looks": 2, "state": "pondering"})
    submitted(one_fire())
    assert "pondering" in submitted(one_fire())
    complete(one_fire, db)
    paid_once(provider)


@pytest.mark.parametrize(
    ("fault", "code", "state"), [("429", 75, "snoozed"), ("401", 77, "failed"), ("413", 78, "failed")]
)
def test_a_refused_submission_costs_nothing_and_is_sent_again_later(
    fault: str, code: int, state: str, fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire = fire_at(down=[{"fault": fault, "start": 2, "end": 3}])
    report = one_fire()
    assert (report.exit_code, report.ending.state) == (code, state)
    assert provider.lines("arrived") == []
    assert fates(db) == {"unpaid": N_REQUESTS}
    complete(one_fire, db)
    assert fates(db) == {"unpaid": N_REQUESTS, "paid": N_REQUESTS}
    paid_once(provider)


def test_a_provider_that_is_away_is_left_alone_for_a_while(fire_at: FireAt, provider: Provider, db: Database) -> None:
    one_fire = fire_at(down=[{"fault": "529", "start": 3, "end": 4}])
    submitted(one_fire())
    assert one_fire().ending.state == "snoozed"
    assert db.execute("SELECT state FROM waves.wave").fetchone() == ("submitted",)
    assert one_fire().ending.state == "snoozed"
    complete(one_fire, db)
    paid_once(provider)


def test_pauses_grow_until_a_batch_is_taken_or_looked_at(fire_at: FireAt, db: Database) -> None:
    def pauses() -> int:
        db.execute("UPDATE waves.backend_state SET snoozed_until = now() WHERE snoozed_until IS NOT NULL")
        return backend_state.snoozes_since_success(db, "rehearsal")

    one_fire = fire_at(
        batches={"looks": 9},
        down=[{"fault": "529", "start": n, "end": n + 1} for n in (1, 2, 5)],
    )
    for expected, state in ((1, "snoozed"), (2, "snoozed"), (0, "submitted"), (1, "snoozed"), (0, "submitted")):
        assert one_fire().ending.state == state
        assert pauses() == expected


def test_requests_that_the_provider_calls_invalid_one_and_all_stop_the_fire_and_charge_nobody(
    fire_at: FireAt, db: Database
) -> None:
    one_fire = fire_at(faults={"400": 1.0})
    submitted(one_fire())
    assert one_fire().exit_code == 78
    assert db.execute("SELECT FROM waves.verdict").fetchall() == []


@pytest.mark.parametrize("fault", ["404", "403", "400", "529", "429"])
def test_the_next_model_of_the_chain_answers_what_the_first_refuses_altogether(
    fault: str, fire_at: FireAt, provider: Provider, db: Database
) -> None:
    one_fire, warned = fire_at(down=[{"models": ["a"], "fault": fault}]), Warnings()
    for _ in range(2):
        submitted(one_fire(warned, models=("a", "b")))
    nobody_was_charged(db)
    assert one_fire(warned, models=("a", "b")).counts.matched == N_NOTES
    assert [line["model"] for line in provider.lines("arrived")] == ["a"] * N_REQUESTS + ["b"] * N_REQUESTS
    assert db.execute("SELECT DISTINCT model, state FROM waves.verdict").fetchall() == [("b", "accepted")]
    assert len(warned.lines) == 1
    assert "b is asked in place of a" in warned.lines[0]


def test_a_wave_stays_with_the_model_that_answered_it(fire_at: FireAt, provider: Provider) -> None:
    poison = [{"marker": "number 7,", "fault": "unknown_label"}]
    one_fire = fire_at(down=[{"models": ["a"], "fault": "404"}], poison=poison)
    for _ in range(3):
        submitted(one_fire(models=("a", "b")))
    strict = provider.lines("arrived")[2 * N_REQUESTS :]
    assert [line["model"] for line in strict] == ["b"]


def test_a_submission_that_is_not_taken_for_its_model_goes_to_the_next_at_once(
    fire_at: FireAt, provider: Provider
) -> None:
    one_fire, warned = fire_at(down=[{"fault": "404", "start": 2, "end": 3}]), Warnings()
    submitted(one_fire(warned, models=("a", "b")))
    assert {line["model"] for line in provider.lines("arrived")} == {"b"}
    assert len(warned.lines) == 1


@pytest.mark.parametrize(("fault", "code"), [("402", 77), ("401", 77), ("404", 78)])
def test_a_limit_of_the_account_and_a_refusal_by_the_last_model_end_the_fire(
    fault: str, code: int, fire_at: FireAt, provider: Provider, db: Database
) -> None:
    models = ("a", "b") if fault != "404" else ("b",)
    one_fire = fire_at(down=[{"models": list(models), "fault": fault}])
    submitted(one_fire(models=models))
    assert one_fire(models=models).exit_code == code
    assert len(provider.lines("arrived")) == N_REQUESTS
    nobody_was_charged(db)


@pytest.mark.parametrize("fault", ["unknown_label", "400", "refusal", "max_tokens"])
def test_a_poisonous_item_is_asked_alone_and_settled_and_holds_back_no_other(
    fault: str, fire_at: FireAt, db: Database
) -> None:
    complete(fire_at(poison=[{"marker": "number 7,", "fault": fault}]), db, 16)
    settled = db.execute("SELECT entity_key, state FROM waves.verdict WHERE state <> 'accepted'").fetchall()
    assert settled == [("7", "refused" if fault == "refusal" else "quarantined")]
    assert db.execute("SELECT count(*) FROM waves.verdict WHERE state = 'accepted'").fetchone() == (N_NOTES - 1,)
