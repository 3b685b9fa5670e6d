"""Whatever a provider does: nothing malformed is stored, an outage charges nobody, and the next fire goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place
from waves.rehearsal.scenarios import Fault

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

LABELS = {"question", "praise", "request"}
FOR_GOOD = {"401", "402", "403", "404"}
POISONS = [
    "refusal",
    "max_tokens",
    "unknown_label",
    "missing_id",
    "truncated",
    "nul",
    "html",
    "hang",
    "500",
    "400",
    "reset",
]
Make = Callable[..., Place]


def nobody_was_charged(place: Place) -> None:
    assert place.sql("SELECT FROM waves.verdict") == []
    assert place.sql("SELECT FROM waves.audit_log WHERE entity_id IN (SELECT id::text FROM note)") == []


def nothing_malformed_is_stored(place: Place) -> None:
    """Each row is accepted with labels of the rubric, or out of the gap with a reason; the target shows the same."""
    rows = place.sql(
        """SELECT n.id, v.state, v.output, v.confidence, n.labels::jsonb, n.version = v.rubric_version, v.reason
             FROM note n LEFT JOIN waves.verdict v ON v.entity_key = n.id::text"""
    )
    for key, state, output, confidence, shown, right_version, reason in rows:
        if state == "accepted":
            assert output.keys() == {"labels"}, key
            assert set(output["labels"]) <= LABELS, key
            assert 0 <= confidence <= 1, key
            assert (shown, right_version) == (output["labels"], True), key
        else:
            assert state in {"quarantined", "refused"}, key
            assert reason, key
            assert shown is None, key


def one_attempt(place: Place) -> None:
    """What fails in one fire is given up, so that one fire is enough to see it."""
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_attempts', '1')", THEME)


def with_a_person(place: Place) -> None:
    """Fires until everything is settled. Where they need a person, that one lets them go on: so many faults by chance
    can meet the rubric's example as well, or so many rows that the wave is held."""
    for _ in range(20):
        place.awake()
        fired = place.fire("--until-complete")
        if fired.state == "complete":
            return
        if fired.state == "held":
            assert place.run("collect", THEME, "--accept-given-up", "--by", "tests").code == 0
        assert fired.code in {0, 75, 76, 78}, fired
    raise AssertionError(fired)


@pytest.mark.parametrize("fault", sorted(set(get_args(Fault)) - FOR_GOOD))
def test_a_fault_in_some_answers_ends_with_each_item_settled(fault: str, make: Make) -> None:
    place = make({"faults": {fault: 0.4}}, n_items=18, batch_size=3, timeout=1.0)
    one_attempt(place)
    with_a_person(place)
    nothing_malformed_is_stored(place)
    judge.nothing_is_left_running(place)
    judge.no_temporary_file(place)
    judge.runs_are_closed(place)
    judge.ledger_agrees(place, judge.calls(place))


@pytest.mark.parametrize("fault", POISONS)
def test_an_item_that_never_gets_a_usable_verdict_holds_back_no_other(fault: str, make: Make) -> None:
    place = make({"poison": [{"marker": "group 30?", "fault": fault}]}, n_items=30, batch_size=5, timeout=1.0)
    one_attempt(place)
    place.fire_until_complete()
    nothing_malformed_is_stored(place)
    settled = place.sql("SELECT entity_key, state FROM waves.verdict WHERE state <> 'accepted'")
    assert settled == [("30", "refused" if fault == "refusal" else "quarantined")]


@pytest.mark.parametrize(
    ("scenario", "timeout"),
    [
        ({"down": [{"fault": "529"}]}, 20.0),
        ({"down": [{"fault": "500", "start": 6}]}, 20.0),
        ({"down": [{"fault": "reset"}]}, 20.0),
        ({"down": [{"fault": "hang"}]}, 0.3),
        ({"down": [{"fault": "hang", "start": 6}]}, 0.3),
        ({"quota": {"capacity": 6, "unit": "requests", "window": 3600}}, 20.0),
        ({"quota": {"capacity": 6, "window": 3600, "error_code": "enforced_spend_limit_reached"}}, 20.0),
    ],
    ids=["529", "500 in mid-wave", "reset", "hanging", "hanging in mid-wave", "quota", "spend limit"],
)
def test_an_outage_snoozes_the_backend_and_charges_nobody(
    scenario: Mapping[str, Any], timeout: float, make: Make
) -> None:
    place = make(scenario, timeout=timeout)
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed")
    nobody_was_charged(place)
    arrived = len(place.provider.lines("arrived"))
    again = place.fire()
    assert (again.code, again.state) == (75, "snoozed")
    assert len(place.provider.lines("arrived")) == arrived
    place.provider.restart()
    place.awake()
    assert place.fire().code == 0
    judge.after_all(place)


def test_a_provider_that_is_not_there_costs_nothing(make: Make) -> None:
    place = make()
    place.provider.stop()
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed")
    nobody_was_charged(place)
    assert place.sql("SELECT DISTINCT fate FROM waves.ledger") == [("unpaid",)]
    place.provider.restart()
    place.awake()
    assert place.fire().code == 0
    judge.after_all(place)


def test_a_provider_that_dies_in_mid_wave_loses_no_answer(make: Make) -> None:
    place = make({"dies_after": 7, "latency": {"a": 0.02}})
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed")
    nobody_was_charged(place)
    answered = len(place.provider.answers())
    assert answered >= 3
    place.provider.restart()
    place.awake()
    assert place.fire().code == 0
    assert judge.after_all(place).answers == 0


@pytest.mark.parametrize(("fault", "code"), [("401", 77), ("402", 77), ("403", 77), ("404", 78), ("400", 78)])
def test_what_only_a_person_can_mend_stops_the_fire_and_charges_nobody(fault: str, code: int, make: Make) -> None:
    place = make({"down": [{"fault": fault}]})
    fired = place.fire()
    assert (fired.code, fired.state) == (code, "failed")
    assert fired.json["error"]["hint"]
    assert len(place.provider.lines("arrived")) <= 2 * place.parallel + 1
    nobody_was_charged(place)
    place.provider.restart()
    assert place.fire().code == 0
    judge.after_all(place)


def test_an_answer_with_a_bare_quote_is_repaired_and_what_cannot_be_stored_of_it_is_kept_as_it_came(make: Make) -> None:
    """The quote stands in a label, which then is none of ours; the other verdicts of that answer are whole."""
    place = make({"poison": [{"marker": "in group 3?", "fault": "unescaped_quote"}]}, n_items=9, batch_size=9)
    place.fire_until_complete()
    judge.all_accepted(place, but=frozenset({"3"}))
    parts = [json.loads(path.read_text())["parse"] for path in (place.folder / "waves").glob("*/parts/*/*.json")]
    assert parts == ["repaired"] * 8
    ((state, reason, raw),) = place.sql("SELECT state, reason, raw FROM waves.verdict WHERE entity_key = '3'")
    assert (state, reason) == ("quarantined", "the verdict does not fit the schema at labels/0: enum")
    (block,) = json.loads(raw)["content"]
    assert '„"' in block["text"]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(block["text"])
