"""A corpus that fills several windows, drained by fires as cron makes them: the provider's record is the judge.

The figures are those of a subscription, scaled down: 95 keys in six seconds, 240 rows, fires at 75 %.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place
from tests.project_folder import Ran
from waves.config import project as projects
from waves.steps.rubrics import approval

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

WINDOW = {"capacity": 95, "unit": "items", "window": 6}
Make = Callable[..., Place]


def windowed(make: Make, scenario: Mapping[str, Any], n_items: int, window: str = "window: 6s") -> Place:
    """A place whose backend has a window of six seconds."""
    place = make(scenario, n_items=n_items, batch_size=6)
    project = place.root / "waves.yaml"
    project.write_text(project.read_text().replace("timeout: 20", f"timeout: 20, {window}"))
    return place


def add_theme(place: Place, name: str) -> None:
    """Another theme that reads the same notes, and keeps its verdicts to itself."""
    folder = place.root / "prompts" / name
    shutil.copytree(place.root / "prompts" / THEME, folder)
    lines = (folder / "theme.yaml").read_text().splitlines()
    (folder / "theme.yaml").write_text("\n".join(line for line in lines if not line.startswith("target:")))
    approval.approve(projects.load(place.root), name, by="tests", version=None, max_rows=None, reason="")


def wait_until(moment: str) -> None:
    """What cron does between two ticks."""
    left = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
    threading.Event().wait(max(0.0, left + 1))  # the report's moments are in whole seconds


def drained(place: Place, most: int = 8) -> list[Ran]:
    """Fires, each once the one before it may go on, until the gap is empty."""
    fires: list[Ran] = []
    while not fires or fires[-1].state != "complete":
        assert len(fires) < most, fires
        if fires:
            report = fires[-1].json
            assert (fires[-1].code, fires[-1].state) == (75, "snoozed"), report
            wait_until(report["snoozed_until"])
        fires.append(place.fire("--keys", "240", "--until-complete"))
    return fires


def test_a_corpus_is_drained_window_by_window_and_refused_in_the_first_alone(make: Make) -> None:
    place = windowed(make, {"quota": WINDOW}, 240)
    first = place.fire("--keys", "240")
    assert first.state == "snoozed", "the first window is learned by filling it"
    refused = [line for line in place.provider.lines("ended") if line["status"] == 429]
    assert 1 <= len(refused) <= place.parallel
    wait_until(first.json["snoozed_until"])
    drained(place, most=7)
    assert [line for line in place.provider.lines("ended") if line["status"] == 429] == refused
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NULL") == [(0,)]
    judge.after_all(place)


def test_a_limit_reported_while_the_window_is_fresh_costs_one_snooze_and_teaches_nothing(make: Make) -> None:
    """The provider refuses the first requests although nothing was used, and says that this lasts for a second."""
    place = windowed(make, {"down": [{"start": 1, "end": 5, "fault": "429"}], "retry_after": 1}, 60)
    drained(place)
    lines = place.provider.lines("ended")
    assert {line["status"] for line in lines[:4]} == {429}
    assert [line["status"] for line in lines[4:]] == [200] * (1 + 60 // place.batch_size), "the probe, then full speed"
    assert len(lines[4]["items"]) == 1
    judge.after_all(place)
    (state,) = place.sql("SELECT jsonb_array_length(evidence) > 0, snoozed_until FROM waves.backend_state")
    assert state == (True, None)


def test_two_themes_that_fire_at_once_take_the_share_together(make: Make) -> None:
    place = windowed(make, {"latency": {"a": 0.1}}, 60, "window: 1h, capacity: 80, use_at_most: 0.75")
    add_theme(place, "others")
    fires = [place.begin("fire", theme, "--keys", "48", "--json") for theme in (THEME, "others")]
    ended = [fire.end() for fire in fires]
    keys = sum(len(line["items"]) for line in place.provider.answers())
    assert keys == 60, ended
    assert {fired.code for fired in ended} <= {0, 75}
    assert place.fire().state == "snoozed"
    assert sum(len(line["items"]) for line in place.provider.answers()) == 60
