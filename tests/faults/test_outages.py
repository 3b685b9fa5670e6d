"""A provider that is away or overwhelmed for a while, judged by its own record: nobody is charged, nothing is skipped,
and hardly anything is sent into the outage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.faults import judge
from tests.faults.place import Place
from waves.rehearsal import scenarios

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

LATENCY = 0.3
"""Seconds for an answer: long enough to see what goes out meanwhile."""
Make = Callable[..., Place]


def snooze_ends(place: Place) -> None:
    """The moment has come: what waiting would bring about."""
    place.sql("UPDATE waves.backend_state SET snoozed_until = now() - interval '1 second'")


def nobody_was_charged(place: Place) -> None:
    assert place.sql("SELECT DISTINCT attempts FROM waves.verdict") in ([], [(0,)])
    assert place.sql("SELECT FROM waves.verdict WHERE state <> 'accepted'") == []


def with_status(place: Place, status: int) -> int:
    return sum(line["status"] == status for line in place.provider.lines("ended"))


def test_an_outage_in_the_middle_costs_ten_requests_and_a_probe_for_each_fire(make: Make) -> None:
    ready = scenarios.ready_made()["outage_in_the_middle"].down[0]
    parallel = 4
    end = int(ready.start) + parallel + 12
    place = make({"down": [{**ready.model_dump(), "end": end}]}, n_items=60, parallel=parallel)
    fires = 0
    while (fired := place.fire("--until-complete")).code != 0:
        fires += 1
        assert (fired.code, fired.state) == (75, "snoozed"), fired
        assert place.sql("SELECT FROM waves.verdict WHERE state <> 'accepted'") == []
        assert with_status(place, 529) <= parallel + 10 + fires
        before = len(place.provider.lines("arrived"))
        assert place.fire().state == "snoozed"
        assert len(place.provider.lines("arrived")) == before, "it sleeps"
        snooze_ends(place)
    assert fires > 1, "the outage outlasted a fire"
    assert fired.state == "complete"
    nobody_was_charged(place)
    assert judge.after_all(place).answers == 0


def test_after_a_snooze_one_probe_goes_out_before_all_others(make: Make) -> None:
    place = make({"latency": {"a": LATENCY}})
    place.fire("--keys", "3")
    place.sql("INSERT INTO waves.backend_state (backend, snoozed_until, pauses) VALUES ('provider', now(), 1)")
    snooze_ends(place)
    before = len(place.provider.lines("arrived"))
    assert place.fire().code == 0
    probe, next_one = place.provider.lines("arrived")[before:][:2]
    assert next_one["at"] - probe["at"] >= LATENCY
    assert len(probe["items"]) == 1
    assert place.sql("SELECT snoozed_until FROM waves.backend_state") in ([], [(None,)])
    judge.after_all(place)


def test_a_429_that_ends_soon_is_waited_for_with_fewer_requests_in_flight(make: Make) -> None:
    place = make(
        {"down": [{"start": 9, "end": 10, "fault": "429"}], "retry_after": 1, "latency": {"a": LATENCY}},
        n_items=90,
        parallel=8,
    )
    fired = place.fire()
    assert (fired.code, fired.state) == (0, "complete"), fired
    nobody_was_charged(place)
    assert with_status(place, 429) == 1
    lines = place.provider.lines("arrived")
    told = next(line["request_id"] for line in place.provider.lines("ended") if line["status"] == 429)
    refused_at = next(line["at"] for line in lines if line["request_id"] == told) + LATENCY
    before = [line for line in lines if line["at"] < refused_at]
    assert max(line["in_flight"] for line in before) == 8
    pause, first = max((later["at"] - sooner["at"], n) for n, (sooner, later) in enumerate(pairwise(lines), 1))
    assert pause >= 0.9
    assert lines[first]["at"] > refused_at
    after = lines[first : first + 8]
    assert max(line["in_flight"] for line in after) <= 8 // 2 + 1, "half, and one more for as many answers"
    judge.after_all(place)


def test_a_429_that_never_ends_is_not_waited_for_for_ever(make: Make) -> None:
    place = make({"down": [{"fault": "429"}], "retry_after": 0.1}, n_items=3)
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed")
    assert with_status(place, 429) == 6
    nobody_was_charged(place)


def test_the_last_item_hangs_every_time_and_is_quarantined_in_bounded_time(make: Make) -> None:
    place = make({"poison": [{"marker": "group 30?", "fault": "hang"}]}, n_items=30, batch_size=5, timeout=0.5)
    place.sql("DELETE FROM note WHERE id <> 30")
    place.fire_until_complete()
    assert place.sql("SELECT entity_key, state, attempts FROM waves.verdict") == [("30", "quarantined", 3)]
    hung = [line for line in place.provider.lines("arrived") if line["items"][0]["sha256"] in hashes(place)]
    assert len(hung) <= 3 * 3, "two tries and one after the probe, for each fire"


def hashes(place: Place) -> set[str]:
    from waves.rehearsal.record import input_hash

    return {input_hash(given) for given in place.inputs().values()}
