"""Trouble that concerns everybody: no row is charged or given up for it, the fire says what it is, and once it is over
the next fires leave nothing missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place, Trap
from tests.project_folder import Ran

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
IN_FLIGHT = 4


def in_trouble(make: Make, scenario: dict[str, Any], batch_size: int = 5) -> Place:
    return make(scenario, n_items=40, batch_size=batch_size, parallel=IN_FLIGHT)


def nobody_is_charged(place: Place) -> None:
    assert place.sql("SELECT entity_key, state, attempts FROM waves.verdict WHERE state <> 'accepted'") == []


def all_is_done_afterwards(place: Place, *, paid_before: int) -> None:
    """The provider is well again: two fires leave nothing missing, and no good answer is paid twice."""
    place.provider.restart()
    place.awake()
    for _ in range(2):
        fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (0, "complete"), fired
    judge.all_accepted(place)
    good = [line for line in place.provider.answers() if line["fault"] is None]
    assert sum(len(line["items"]) for line in good) <= 40 + paid_before


def fault_of(fired: Ran) -> str:
    return str(fired.json["error"]["message"])


@pytest.mark.parametrize("fault", ["html", "error_in_200", "gateway_error_in_200", "empty_object"])
def test_what_is_no_answer_of_a_model_is_an_outage_in_spite_of_its_status(fault: str, make: Make) -> None:
    place = in_trouble(make, {"down": [{"fault": fault}]})
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed"), fired
    nobody_is_charged(place)
    assert place.sql("SELECT DISTINCT fate FROM waves.ledger WHERE fate = 'paid'") == []
    assert len(place.provider.lines("arrived")) <= IN_FLIGHT + 10 + 1
    all_is_done_afterwards(place, paid_before=1)


def test_an_account_without_credit_ends_the_fire_with_the_providers_words(make: Make) -> None:
    place = in_trouble(make, {"down": [{"start": 4, "fault": "400"}], "message": CREDIT})
    fired = place.fire()
    assert fired.code == 77, fired
    assert CREDIT in fault_of(fired)
    assert any("last run:" in line and CREDIT in line for line in place.run("status").out.splitlines())
    nobody_is_charged(place)
    assert len(place.provider.lines("arrived")) <= 3 + IN_FLIGHT
    all_is_done_afterwards(place, paid_before=1)


def test_a_refusal_of_everything_in_words_that_nobody_knows_is_shown(make: Make) -> None:
    place = in_trouble(make, {"down": [{"start": 4, "fault": "400"}], "message": "the moon is in the wrong quarter"})
    fired = place.fire()
    assert fired.code == 78, fired
    assert "the moon is in the wrong quarter" in fault_of(fired)
    nobody_is_charged(place)
    all_is_done_afterwards(place, paid_before=1)


@pytest.mark.parametrize(
    ("fault", "why"),
    [("truncated", "the answer is not JSON"), ("refusal", "the model refused"), ("max_tokens", "reached max_tokens")],
)
def test_a_model_that_cannot_answer_at_all_needs_a_person(fault: str, why: str, make: Make) -> None:
    place = in_trouble(make, {"down": [{"fault": fault}], "latency": {"a": 0.1}})
    fired = place.fire()
    assert fired.code == 76, fired
    assert "the model cannot answer this rubric" in fault_of(fired)
    assert why in fault_of(fired)
    nobody_is_charged(place)
    assert len(place.provider.lines("arrived")) <= 3 * IN_FLIGHT, "two tries of those in flight, and two probes"
    all_is_done_afterwards(place, paid_before=1)


def test_an_outage_is_none_of_the_rows_fault_although_the_example_gets_an_answer_of_no_use(make: Make) -> None:
    example, rows = {"marker": "second group?", "fault": "truncated"}, {"marker": "review", "fault": "529"}
    place = in_trouble(make, {"poison": [example, rows]})
    for _ in range(2):
        fired = place.fire()
        assert (fired.code, fired.state) == (75, "snoozed"), fired
        nobody_is_charged(place)
        place.awake()


def behind_a_broken_model(make: Make, scenario: dict[str, Any], batch_size: int = 5) -> Place:
    """40 rows and two models, `a` and `b`."""
    place = in_trouble(make, scenario, batch_size)
    project = (place.root / "waves.yaml").read_text()
    (place.root / "waves.yaml").write_text(project.replace("models: [model-1]", "models: [a, b]"))
    return place


@pytest.mark.parametrize(
    ("fault", "retry_after"), [("529", None), ("404", None), ("403", None), ("400", None), ("429", 3600)]
)
def test_the_next_model_of_the_chain_does_what_the_first_cannot(
    fault: str, retry_after: int | None, make: Make
) -> None:
    place = behind_a_broken_model(make, {"down": [{"models": ["a"], "fault": fault}], "retry_after": retry_after})
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    assert place.sql("SELECT DISTINCT model, state FROM waves.verdict") == [("b", "accepted")]
    warnings = fired.err.splitlines()
    assert len(warnings) == 1, warnings
    assert "b is asked in place of a" in warnings[0]
    assert place.sql("SELECT count(*) FROM waves.backend_state WHERE snoozed_until IS NOT NULL") == [(0,)]


def test_rows_that_a_model_refuses_go_to_the_next_if_it_refuses_the_example_too(make: Make) -> None:
    place = behind_a_broken_model(make, {"down": [{"models": ["a"], "fault": "refusal", "start": 6}]}, batch_size=1)
    fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (0, "complete"), fired
    judge.all_accepted(place)
    assert place.sql("SELECT count(*) FROM waves.verdict WHERE model = 'b'") == [(35,)]


def test_a_further_model_that_refuses_everything_refuses_no_row_of_the_first_for_good(make: Make) -> None:
    scenario = {"poison": [{"marker": "group 3?", "fault": "529"}], "down": [{"models": ["b"], "fault": "refusal"}]}
    place = behind_a_broken_model(make, scenario)
    fired = place.fire("--until-complete")
    assert fired.code == 0, fired
    assert place.sql("SELECT state, attempts, count(*) FROM waves.verdict GROUP BY 1, 2 ORDER BY 1") == [
        ("accepted", 0, 39),
        ("failed", 1, 1),
    ]


def test_rows_that_fail_in_one_fire_stay_for_a_later_one(make: Make) -> None:
    place = in_trouble(
        make, {"poison": [{"marker": "group 3?", "fault": "500"}, {"marker": "group 9?", "fault": "500"}]}
    )
    fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (0, "collected"), fired
    assert "2 rows failed before" in fired.json["reason"]
    assert place.sql("SELECT state, attempts FROM waves.verdict WHERE state <> 'accepted'") == [("failed", 1)] * 2
    place.provider.restart()
    before = len(place.provider.lines("arrived"))
    assert place.fire().state == "collected"
    assert len(place.provider.lines("arrived")) == before, "their pause is not over"
    ((ends,),) = place.sql("SELECT min(retry_at) FROM waves.verdict WHERE state = 'failed'")
    told = f"2 rows failed before; a later fire asks again from {ends.astimezone(UTC):%Y-%m-%d %H:%M:%SZ} on"
    assert told in place.run("status").out
    place.awake()
    assert place.fire("--until-complete").state == "complete"
    judge.all_accepted(place)


def test_a_row_is_given_up_after_as_many_fires_as_attempts_and_the_pause_grows(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "group 3?", "fault": "truncated"}]})
    pauses = []
    for attempt in (1, 2, 3):
        fired = place.fire("--until-complete")
        assert place.sql("SELECT attempts FROM waves.verdict WHERE state <> 'accepted'") == [(attempt,)]
        pauses += place.sql("SELECT extract(epoch FROM retry_at - now()) FROM waves.verdict WHERE retry_at IS NOT NULL")
        place.awake()
    assert (fired.code, fired.state) == (0, "complete")
    assert place.sql("SELECT state FROM waves.verdict WHERE state <> 'accepted'") == [("quarantined",)]
    assert [round(float(pause) / 60) for (pause,) in pauses] == [1, 60]
    asked = [line for line in place.provider.lines("arrived") if len(line["items"]) == 1]
    assert len(asked) <= 6 + 3 + 3, "alone and strictly in three fires, its companions once, and two probes"


def test_companions_of_a_bad_row_in_each_batch_are_asked_alone_and_only_the_bad_rows_fail(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "wonderful", "fault": "truncated"}]})
    assert place.fire("--until-complete").code == 0
    rows = place.sql("SELECT state, attempts, count(*) FROM waves.verdict GROUP BY 1, 2 ORDER BY 1")
    assert rows == [("accepted", 0, 26), ("failed", 1, 14)]


def test_a_fire_that_is_killed_in_a_run_of_refusals_refuses_no_row(make: Make) -> None:
    place = make({"down": [{"start": 3, "fault": "refusal"}]}, n_items=40, batch_size=1, parallel=1)
    assert place.fire(traps=[Trap('^write .*"t":"paid"', 4)]).code != 0
    assert place.fire().code == 76
    nobody_is_charged(place)


def test_a_wave_of_which_too_much_would_be_given_up_is_held_until_a_person_decides(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "wonderful", "fault": "refusal"}]})
    fired = place.fire()
    assert (fired.code, fired.state) == (76, "held"), fired
    assert "14 of 40 rows" in fired.json["reason"]
    assert "14 × the model refused" in fired.json["reason"]
    assert place.sql("SELECT DISTINCT state, attempts FROM waves.verdict") == [("failed", 0)]
    before = len(place.provider.lines("arrived"))
    assert place.fire().code == 76
    assert len(place.provider.lines("arrived")) == before, "nothing is asked while it is held"
    place.provider.restart()
    assert place.run("run", THEME).code == 0
    assert place.run("collect", THEME).code == 0
    judge.all_accepted(place)


def test_a_wave_whose_fire_was_killed_is_held_as_by_a_fire_that_lives(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "wonderful", "fault": "refusal"}]})
    traps = [Trap("^execute INSERT INTO waves.ledger", 1, "before")]
    assert place.fire(traps=traps).code != 0
    assert place.sql("SELECT count(*) FROM waves.verdict") == [(0,)], "killed before anything was charged"
    before = len(place.provider.lines("arrived"))
    for _ in range(2):
        fired = place.fire()
        assert (fired.code, fired.state) == (76, "held"), fired
        number, _, rest = fired.json["reason"].partition(" ")
        assert 8 < int(number) <= 14, "of its last run nobody knows whether the rows were to blame"
        assert rest.startswith("of 40 rows")
    assert len(place.provider.lines("arrived")) == before, "nothing is asked while it is held"
    assert place.sql("SELECT DISTINCT state, attempts FROM waves.verdict") == [("failed", 0)]


def test_rows_that_failed_before_and_come_last_are_held_too_if_they_are_many_of_all(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "wonderful", "fault": "unknown_label"}]})
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_attempts', '2')", THEME)
    assert place.fire("--until-complete").state == "collected"
    place.awake()
    fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (76, "held"), fired
    assert "14 of 14 rows" in fired.json["reason"]
    assert place.sql("SELECT DISTINCT attempts FROM waves.verdict WHERE state <> 'accepted'") == [(1,)]


def test_a_person_gives_up_what_a_held_wave_is_missing(make: Make) -> None:
    place = in_trouble(make, {"poison": [{"marker": "wonderful", "fault": "refusal"}]})
    assert place.fire().code == 76
    assert place.run("collect", THEME, "--accept-given-up", "--by", "ada").code == 0
    rows = place.sql("SELECT state, count(*) FROM waves.verdict GROUP BY 1 ORDER BY 1")
    assert rows == [("accepted", 26), ("quarantined", 14)]
    assert place.sql(
        "SELECT DISTINCT actor, reason FROM waves.audit_log WHERE after_json ->> 'state' = 'quarantined'"
    ) == [("ada", "the model refused")]


def test_a_429_that_names_no_end_is_waited_for_before_the_backend_sleeps(make: Make) -> None:
    place = in_trouble(make, {"down": [{"unit": "seconds", "end": 1.5, "fault": "429"}]})
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    nobody_is_charged(place)


def test_answers_on_overage_put_the_backend_to_sleep_until_the_reset(make: Make) -> None:
    quota = {"capacity": 3, "window": 3600, "claim": "five_hour", "overage": True}
    place = in_trouble(make, {"quota": quota})
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed"), fired
    assert len(place.provider.lines("arrived")) <= 3 + IN_FLIGHT + 1
    nobody_is_charged(place)
    all_is_done_afterwards(place, paid_before=1)


def test_the_longest_answer_of_a_provider_is_learned_from_its_first_refusal(make: Make) -> None:
    place = in_trouble(make, {"longest_answer": 400, "latency": {"a": 0.1}})
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    nobody_is_charged(place)
    refused = [line for line in place.provider.lines("ended") if line["status"] == 400]
    assert 0 < len(refused) <= IN_FLIGHT, "those that were in flight before it was known"


def test_answers_that_reach_the_wrong_request_label_nothing_and_are_asked_for_again(make: Make) -> None:
    place = in_trouble(make, {"swaps": 2, "latency": {"a": 0.1}})
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    judge.after_all(place)
    labels = "CASE mod(id, 3) WHEN 0 THEN 'question' WHEN 1 THEN 'praise' ELSE 'request' END"
    assert place.sql(f"SELECT id FROM note WHERE labels::jsonb IS DISTINCT FROM jsonb_build_array({labels})") == []
    nobody_is_charged(place)
    swapped = [line for line in place.provider.answers() if line["fault"] == "swapped"]
    assert [len(line["items"]) for line in swapped] == [5] * 4
    batches = [line for line in place.provider.answers() if len(line["items"]) == 5]
    assert len(batches) == 40 // 5 + 4, "each of them once more, and one probe may decide"


@pytest.mark.parametrize("late", [1.0, 0.5], ids=["all", "half"])
def test_results_that_come_later_than_the_end_of_their_batch_are_waited_for(late: float, make: Make) -> None:
    place = make({"batches": {"late": late}}, backend="kind: message_batches", n_items=30, batch_size=5)
    assert place.fire().code == 75
    for _ in range(2):
        fired = place.fire()
        assert (fired.code, fired.state) == (75, "submitted"), fired
        assert "of its 6 results are not there yet" in fired.json["reason"]
        assert "of its 6 results are not there yet" in place.run("status", THEME).out
        assert place.sql("SELECT count(*) FROM waves.ledger WHERE fate <> 'paid' AND ended_at IS NOT NULL") == [(0,)]
        nobody_is_charged(place)
    assert len(place.provider.lines("arrived")) == 6
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    judge.all_accepted(place)
    assert len(place.provider.lines("arrived")) == 6, "nothing is handed over twice"


@pytest.mark.parametrize(
    ("scenario", "fields"),
    [
        ({"down": [{"fault": "huge_body"}]}, {}),
        ({"batches": {"results_huge": 1}}, {"backend": "kind: message_batches"}),
    ],
    ids=["an answer", "results of a batch"],
)
def test_a_body_of_400_mb_after_unpacking_is_not_held_in_memory(
    scenario: dict[str, Any], fields: dict[str, str], make: Make
) -> None:
    place = make(scenario, n_items=40, batch_size=5, parallel=IN_FLIGHT, **fields)
    if fields:
        assert place.fire().state == "submitted"
    fired, megabytes = place.fire_measured()
    assert (fired.code, fired.state) == (75, "snoozed"), fired
    assert "longer than 8 MiB" in fired.json["reason"]
    assert megabytes < 300
    assert sum(path.stat().st_size for path in (place.wave / "journal").iterdir()) < 64 * 2**20
    nobody_is_charged(place)
    if fields:
        place.awake()
        assert place.fire().state == "complete"
        judge.all_accepted(place)
    else:
        all_is_done_afterwards(place, paid_before=0)
