"""A wave that goes by batches: handed over by one fire, fetched by a later one, and nothing is paid twice."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Fired, Place

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

N_REQUESTS = 6
HALF_AN_HOUR = 1800
Make = Callable[..., Place]


@pytest.fixture
def batches(make: Make) -> Make:
    """A place whose backend takes batches; its scenario says how they go, and what else happens."""

    def build(rules: dict[str, Any] | None = None, **scenario: Any) -> Place:
        given = {"batches": rules or {}} | scenario
        return make(given, backend="kind: message_batches", n_items=30, batch_size=5, timeout=5.0)

    return build


def state(place: Place) -> str:
    return str(place.sql("SELECT state FROM waves.wave ORDER BY opened_at DESC LIMIT 1")[0][0])


def fates(place: Place) -> Counter[str]:
    return Counter(fate for (fate,) in place.sql("SELECT fate FROM waves.ledger"))


def submitted(fired: Fired) -> str:
    assert (fired.code, fired.state) == (75, "submitted"), fired
    assert fired.report is not None
    return str(fired.report["reason"])


def fire_until_complete(place: Place, fires: int = 8) -> int:
    """As cron, with a backend that somebody wakes; how many fires it took."""
    for number in range(1, fires + 1):
        place.awake()
        fired = place.fire()
        if fired.code == 0:
            assert fired.state == "complete"
            return number
        assert fired.code == 75, fired
    raise AssertionError(f"not complete after {fires} fires")


def call(place: Place, path: str, body: Any = None) -> Any:
    """Somebody else, at the same provider."""
    headers = {"x-api-key": "dummy", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(place.provider.url + path, data, headers)) as answer:
        return json.loads(answer.read())


def paid_once(place: Place) -> None:
    call(place, "/v1/messages/batches")  # so that the record has what nobody has looked at yet
    assert judge.after_all(place).answers == 0


def test_it_is_handed_over_by_one_fire_and_fetched_by_a_later_one_whatever_that_is_told(batches: Make) -> None:
    place = batches({"looks": 2})
    assert f"{N_REQUESTS} requests, submitted 0 min ago" in submitted(place.fire())
    assert state(place) == "submitted"
    assert f"{N_REQUESTS} requests, submitted 0 min ago" in submitted(place.fire("--backend", "rehearsal"))
    assert fates(place) == {}, "what is away is neither paid nor lost"
    told = place.run("status", THEME, "--json").report
    assert told is not None
    assert told["themes"][0]["wave"]["state"] == "submitted"
    assert "submitted 0 min ago" in place.begin("status", THEME).process.communicate(timeout=60)[0]
    last = place.fire("--backend", "rehearsal")
    assert (last.code, last.state) == (0, "complete")
    assert last.report is not None
    assert last.report["llm_calls"] == N_REQUESTS
    assert last.report["tokens"]["output"] > 0
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    paid_once(place)


@pytest.mark.parametrize("rules", [{"expired": 0.4}, {"canceled": 0.4}], ids=str)
def test_only_what_was_not_answered_is_handed_over_again_and_nobody_is_charged(
    rules: dict[str, Any], batches: Make
) -> None:
    place = batches(rules)
    fire_until_complete(place)
    assert len(place.provider.lines("arrived")) > N_REQUESTS
    assert sum(len(line["items"]) for line in place.provider.answers()) == place.n_items
    assert place.sql("SELECT FROM waves.verdict WHERE attempts > 0") == []
    paid_once(place)


def test_a_submission_whose_reply_was_lost_is_found_and_not_sent_again(batches: Make) -> None:
    place = batches({"replies_lost": 1, "looks": 2})
    submitted(place.fire())
    assert "may be it is still running" in submitted(place.fire())
    assert place.fire().state == "complete"
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    paid_once(place)


def test_a_submission_that_never_arrived_is_sent_again_after_half_an_hour_and_no_foreign_batch_is_taken(
    batches: Make,
) -> None:
    place = batches({"requests_lost": 1, "clock_step": HALF_AN_HOUR / 2})
    submitted(place.fire())
    parameters = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "mine"}]}
    somebody = [{"custom_id": f"{'0' * 16}-{n}", "params": parameters} for n in range(N_REQUESTS)]
    call(place, "/v1/messages/batches", {"requests": somebody})
    assert "does not show it yet" in submitted(place.fire())
    submitted(place.fire())
    assert fates(place) == {"unpaid": N_REQUESTS}
    assert place.fire().state == "complete"
    assert fates(place) == {"unpaid": N_REQUESTS, "paid": N_REQUESTS}
    judge.all_accepted(place)


def test_results_that_come_twice_or_are_foreign_or_break_off_change_nothing(batches: Make) -> None:
    place = batches({"twice": True, "foreign": 3, "results_cut": 2})
    submitted(place.fire())
    assert place.fire().state == "snoozed"
    assert fire_until_complete(place) <= 2
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    assert fates(place) == {"paid": N_REQUESTS}
    paid_once(place)


def test_a_result_that_never_comes_may_have_been_paid_and_is_asked_for_again(batches: Make) -> None:
    place = batches({"lacking": 0.3})
    fire_until_complete(place)
    told = fates(place)
    assert told["maybe_paid"] >= 1
    assert told["paid"] == len(place.provider.answers()) - told["maybe_paid"]
    judge.all_accepted(place)


def test_results_that_are_not_kept_any_more_may_have_been_paid(batches: Make) -> None:
    place = batches({"results_kept": 0})
    submitted(place.fire())
    submitted(place.fire())
    assert fates(place) == {"maybe_paid": N_REQUESTS}
    assert place.sql("SELECT FROM waves.verdict") == []


def test_a_state_that_nobody_knows_counts_as_still_running(batches: Make) -> None:
    place = batches({"looks": 2, "state": "pondering"})
    submitted(place.fire())
    assert "pondering" in submitted(place.fire())
    assert place.fire().state == "complete"
    paid_once(place)


@pytest.mark.parametrize(
    ("fault", "code", "state"), [("429", 75, "snoozed"), ("401", 77, "failed"), ("413", 78, "failed")]
)
def test_a_refused_submission_costs_nothing_and_is_sent_again_later(
    fault: str, code: int, state: str, batches: Make
) -> None:
    place = batches(down=[{"fault": fault, "start": 2, "end": 3}])
    fired = place.fire()
    assert (fired.code, fired.state) == (code, state)
    assert place.provider.lines("arrived") == []
    assert fates(place) == {"unpaid": N_REQUESTS}
    assert fire_until_complete(place) == 2
    paid_once(place)


def test_a_provider_that_is_away_is_left_alone_for_a_while(batches: Make) -> None:
    place = batches(down=[{"fault": "529", "start": 3, "end": 4}])
    submitted(place.fire())
    assert place.fire().state == "snoozed"
    assert state(place) == "submitted"
    assert place.fire().state == "snoozed"
    assert fire_until_complete(place) == 1
    paid_once(place)


def test_requests_that_the_provider_calls_invalid_one_and_all_stop_the_fire_and_charge_nobody(batches: Make) -> None:
    place = batches(faults={"400": 1.0})
    submitted(place.fire())
    fired = place.fire()
    assert (fired.code, fired.state) == (78, "failed")
    assert place.sql("SELECT FROM waves.verdict") == []


@pytest.mark.parametrize("fault", ["unknown_label", "400", "refusal", "max_tokens"])
def test_a_poisonous_item_is_asked_alone_and_settled_and_holds_back_no_other(fault: str, batches: Make) -> None:
    place = batches(poison=[{"marker": "group 30?", "fault": fault}])
    fire_until_complete(place, 16)
    settled = place.sql("SELECT entity_key, state FROM waves.verdict WHERE state <> 'accepted'")
    assert settled == [("30", "refused" if fault == "refusal" else "quarantined")]
    assert place.sql("SELECT count(*) FROM waves.verdict WHERE state = 'accepted'") == [(29,)]


def test_a_wave_that_is_away_is_neither_collected_in_part_nor_prepared_anew(batches: Make) -> None:
    place = batches({"looks": 3})
    submitted(place.fire())
    assert place.run("collect", THEME, "--partial").code == 75
    assert place.run("run", THEME).code == 75
    assert state(place) == "submitted"
    assert fire_until_complete(place) <= 3
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    paid_once(place)


def test_giving_up_a_wave_cancels_its_batch(batches: Make) -> None:
    place = batches({"looks": 5})
    submitted(place.fire())
    assert place.run("abandon", THEME, "--by", "ana").code == 0
    (batch,) = call(place, "/v1/messages/batches")["data"]
    assert batch["processing_status"] in {"canceling", "ended"}
    assert batch["cancel_initiated_at"] is not None
    submitted(place.fire())
    assert fates(place) == {"maybe_paid": N_REQUESTS}
