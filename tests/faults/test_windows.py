"""A corpus that fills several windows, drained by fires as cron makes them: the provider's record is the judge.

The figures are those of a subscription, scaled down: 95 keys in four seconds, 240 rows, fires at 75 %.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.faults import judge
from tests.faults.place import Fired, Place

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

WINDOW = {"capacity": 95, "unit": "items", "window": 4}
Make = Callable[..., Place]


def windowed(make: Make) -> Place:
    place = make({"quota": WINDOW}, n_items=240, batch_size=6)
    project = place.root / "waves.yaml"
    project.write_text(project.read_text().replace("timeout: 20", "timeout: 20, window: 4s"))
    return place


def wait_until(moment: str) -> None:
    """What cron does between two ticks."""
    left = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
    threading.Event().wait(max(0.0, left + 1))  # the report's moments are in whole seconds


def drained(place: Place, most: int = 8) -> list[Fired]:
    """Fires, each once the one before it may go on, until the gap is empty."""
    fires: list[Fired] = []
    while not fires or fires[-1].state != "complete":
        assert len(fires) < most, [fired.report for fired in fires]
        if fires:
            report = fires[-1].report
            assert (fires[-1].code, fires[-1].state) == (75, "snoozed"), report
            assert report is not None
            wait_until(report["snoozed_until"])
        fires.append(place.fire("--keys", "240", "--until-complete"))
    return fires


def test_a_corpus_is_drained_window_by_window_and_refused_in_the_first_alone(make: Make) -> None:
    place = windowed(make)
    first = place.fire("--keys", "240")
    assert first.state == "snoozed", "the first window is learned by filling it"
    refused = [line for line in place.provider.lines("ended") if line["status"] == 429]
    assert 1 <= len(refused) <= place.parallel
    assert first.report is not None
    wait_until(first.report["snoozed_until"])
    drained(place, most=7)
    assert [line for line in place.provider.lines("ended") if line["status"] == 429] == refused
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NULL") == [(0,)]
    judge.after_all(place)
