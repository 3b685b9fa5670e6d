"""What happens to a request is a pure function of the seed, the request and its repetition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.errors import ConfigurationError
from waves.rehearsal.faults import STATUS_FAULTS, Dice, FaultPlan, plan_faults
from waves.rehearsal.protocol import ERROR_TYPES
from waves.rehearsal.scenarios import Scenario, load, ready_made

ITEMS = tuple((str(n), {"text": f"text {n}"}) for n in range(1, 13))


def decision(scenario: dict[str, Any], dice: Dice | None = None, number: int = 1, elapsed: float = 0) -> FaultPlan:
    return plan_faults(
        Scenario.model_validate(scenario),
        dice or Dice(0, b"body", 1),
        model="m",
        items=ITEMS,
        number=number,
        elapsed=elapsed,
    )


@given(st.integers(), st.binary(), st.integers(0, 5))
def test_the_same_request_with_the_same_seed_meets_the_same_fate(seed: int, body: bytes, repetition: int) -> None:
    scenario = {"faults": {"500": 0.3, "missing_id": 0.3}, "latency": {"kind": "lognormal", "a": 1, "b": 1}}
    first, second = (decision(scenario, Dice(seed, body, repetition)) for _ in range(2))
    assert first == second


@given(st.integers(0, 1000))
def test_seed_body_and_repetition_all_count(number: int) -> None:
    rolls = {
        Dice(*key).roll("fault")
        for key in ((number, b"b", 1), (number + 1, b"b", 1), (number, b"c", 1), (number, b"b", 2))
    }
    assert len(rolls) == 4


def test_shares_come_out_as_told() -> None:
    scenario = {"faults": {"500": 0.2, "hang": 0.1}}
    fates = [decision(scenario, Dice(1, b"%d" % n, 1)).fault for n in range(4000)]
    assert fates.count("500") / 4000 == pytest.approx(0.2, abs=0.02)
    assert fates.count("hang") / 4000 == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("latency", "median", "longest"),
    [
        ({"a": 0.3}, 0.3, 0.3),
        ({"kind": "uniform", "a": 1, "b": 3}, 2, 3),
        ({"kind": "lognormal", "a": 2, "b": 0.5, "longest": 4}, 2, 4),
    ],
)
def test_latencies_follow_their_distribution(latency: dict[str, Any], median: float, longest: float) -> None:
    latencies = sorted(decision({"latency": latency}, Dice(1, b"%d" % n, 1)).latency for n in range(2000))
    assert latencies[1000] == pytest.approx(median, rel=0.1)
    assert latencies[-1] == pytest.approx(longest, rel=0.01)


def test_one_item_of_the_request_is_the_victim() -> None:
    victims = {decision({"faults": {"nul": 1}}, Dice(1, b"%d" % n, 1)).items[0][0] for n in range(200)}
    assert victims == {item_id for item_id, _ in ITEMS}


@pytest.mark.parametrize(("number", "away"), [(1, False), (2, True), (3, True), (4, False)])
def test_down_counts_requests_from_one_and_ends_before_its_end(number: int, away: bool) -> None:
    scenario = {"down": [{"start": 2, "end": 4, "fault": 503}]}
    assert decision(scenario, number=number).fault == ("503" if away else None)


@pytest.mark.parametrize(("elapsed", "away"), [(0.9, False), (1.0, True), (99.0, True)])
def test_down_may_count_seconds_and_have_no_end(elapsed: float, away: bool) -> None:
    scenario = {"down": [{"unit": "seconds", "start": 1, "fault": "hang"}]}
    assert decision(scenario, elapsed=elapsed).fault == ("hang" if away else None)


def test_poison_hits_the_marked_items_alone() -> None:
    plan = decision({"poison": [{"marker": "text 7", "fault": "missing_id"}]})
    assert (plan.cause, plan.items) == ("poison", (("7", "missing_id"),))


def test_a_fault_by_status_is_one_that_the_protocol_knows() -> None:
    assert {int(status) for status in STATUS_FAULTS} == set(ERROR_TYPES)


@pytest.mark.parametrize("name", ready_made())
def test_each_ready_made_scenario_says_what_it_is_about(name: str) -> None:
    assert load(name).about


@pytest.mark.parametrize(
    ("text", "named", "known"),
    [
        ('{"fault": {}}', "'fault'", "faults"),
        ('{"quota": {"capacity": 1, "window": 1, "per": 2}}', "'quota.per'", "capacity"),
        ('{"poison": [{"marker": "x", "fault": "nul", "when": 1}]}', "'poison.0.when'", "marker"),
    ],
)
def test_an_unknown_key_is_named_with_the_known_ones(text: str, named: str, known: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert named in caught.value.message
    assert known in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ['{"faults": {"500": 0.7, "529": 0.7}}', '{"faults": {"fire": 1}}', '{"latency": {"a": -1}}', "{", '{"a": [}'],
)
def test_a_scenario_that_makes_no_sense_is_a_configuration_error(text: str) -> None:
    with pytest.raises(ConfigurationError):
        load(text)


def test_a_scenario_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Scenario().brain = False


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_scenario_can_stand_in_a_file(tmp_path: Any, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    path.write_text('{"faults": {"500": 0.5}}' if suffix == "json" else "faults: {500: 0.5}\n")
    assert load(str(path)).faults == {"500": 0.5}
