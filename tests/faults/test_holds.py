"""A wave of which too much would be given up is held, whatever else happens to its fires; and what a person may then
decide.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
REFUSED = {"poison": [{"marker": "wonderful", "fault": "refusal"}]}
CUT_OFF = {"poison": [{"marker": "wonderful", "fault": "truncated"}]}


def states(place: Place) -> list[tuple[object, ...]]:
    return place.sql("SELECT state, attempts, count(*) FROM waves.verdict GROUP BY 1, 2 ORDER BY 1, 2")


def test_what_a_wave_gives_up_over_several_windows_counts_together(make: Make) -> None:
    """The third fire finds the window used up as well; a hold does not pass by itself, and comes first."""
    scenario = {**REFUSED, "quota": {"capacity": 12, "window": 3600}}
    place = make(scenario, n_items=40, batch_size=1, parallel=1)
    for state in ("snoozed", "snoozed", "held"):
        fired = place.fire()
        assert fired.state == state, fired
        place.provider.restart(scenario)
        place.awake()
    assert fired.code == 76
    assert "4 of 40 rows" in fired.json["reason"]
    assert "beside 8 that were given up before" in fired.json["reason"]
    assert states(place) == [("failed", 0, 4), ("refused", 1, 8)]


def test_rows_that_were_cleared_are_held_as_well_and_wave_run_asks_for_them_at_once(make: Make) -> None:
    place = make(n_items=40, batch_size=5, parallel=4)
    assert place.run("config", THEME, "max_attempts", "2", "--by", "ada").code == 0
    assert place.fire("--until-complete").code == 0
    place.sql("UPDATE note SET version = NULL")
    place.provider.restart(CUT_OFF)
    for state in ("collected", "held"):
        fired = place.fire("--until-complete")
        assert fired.state == state, fired
        if state == "collected":
            place.awake()
    place.provider.restart()
    ran = place.run("run", THEME)
    assert ran.code == 0, ran
    assert place.provider.lines("arrived"), "a person does not wait for a pause"
    assert place.run("collect", THEME).code == 0
    judge.all_accepted(place)


def test_nothing_is_given_up_of_a_wave_that_is_not_held(make: Make) -> None:
    place = make({"down": [{"start": 4, "fault": "529"}]}, n_items=40, batch_size=5, parallel=1)
    assert place.fire().state == "snoozed"
    refused = place.run("collect", THEME, "--accept-given-up", "--by", "ada")
    assert refused.code == 78
    assert "is not held" in refused.err
    assert states(place) == []


def test_nothing_is_given_up_while_answers_are_in_flight(make: Make) -> None:
    scenario = {"batches": {"looks": 2}}
    place = make(scenario, backend="kind: message_batches", n_items=30, batch_size=5, timeout=5.0)
    assert place.fire().state == "submitted"
    waits = place.run("collect", THEME, "--accept-given-up", "--by", "ada")
    assert waits.code == 75
    assert "paid for" in waits.err
    for _ in range(2):
        place.awake()
        fired = place.fire()
    assert fired.code == 0
    judge.all_accepted(place)
