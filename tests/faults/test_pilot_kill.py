"""SIGKILL in the middle of a pilot: it goes on where it was, pays twice only what was in flight, and then is merged."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.corpus import RUBRIC
from tests.faults.place import THEME, Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


PILOT = ("pilot", THEME, "--keys", "20")


def begun(make: Callable[..., Place], trap: Trap) -> Place:
    """Forty rows judged by one version, and a pilot of the next that was killed."""
    place = make({"latency": {"kind": "fixed", "a": 0.02}}, n_items=40, batch_size=2)
    assert place.fire("--until-complete").code == 0
    (place.root / "prompts" / THEME / "v2.md").write_text(RUBRIC + "\nAnd be brief.\n")
    killed = place.begin(*PILOT, traps=[trap]).end()
    assert killed.code == -signal.SIGKILL, killed
    judge.nothing_is_left_running(place)
    return place


@pytest.mark.parametrize(
    "trap",
    [Trap('^write .*"t":"sent"'), Trap('^write .*"t":"paid"', 3), Trap(r"^rename .*parts/\w\w/", 5)],
    ids=["sent", "paid", "parts"],
)
def test_a_killed_pilot_is_gone_on_with_and_merges_once(make: Callable[..., Place], trap: Trap) -> None:
    place = begun(make, trap)
    arrived = len(place.provider.lines("arrived"))
    assert place.fire().code == 76
    assert len(place.provider.lines("arrived")) == arrived, "a fire leaves it to a person"
    refused = place.run("approve", THEME, "--by", "ana")
    assert (refused.code, "is not complete" in refused.fault[0]) == (75, True)

    gone_on = place.run("pilot", THEME, "--json")
    assert (gone_on.code, gone_on.json["missing"], len(gone_on.json["rows"])) == (0, 0, 20)
    answers = len(place.provider.answers())
    assert place.run("pilot", THEME, "--json").json["llm_calls"] == 0
    assert place.run("approve", THEME, "--by", "ana").code == 0
    assert place.run("rubrics", "activate", THEME, gone_on.json["version"], "--yes").code == 0
    assert place.fire("--until-complete").code == 0
    assert len(place.provider.answers()) == answers + 10, "twenty of forty rows were paid for"
    assert place.sql("SELECT DISTINCT version FROM note") == [(gone_on.json["version"],)]
    in_flight = sum(len(call.sent.items) for call in judge.calls(place).values() if not call.paid)
    judged = sum(len(line["items"]) for line in place.provider.answers())
    assert 80 <= judged <= 80 + in_flight, "each row once by each version, and again what was in flight"


@pytest.mark.parametrize(
    "trap",
    [
        Trap("^fsync waves/TMP", 3),
        Trap("^execute INSERT INTO waves.wave ", 1, "before"),
        Trap("^execute INSERT INTO waves.wave "),
        Trap(r"^create .*/journal/", 1, "before"),
        Trap('^write .*"t":"sent"', 1, "before"),
    ],
    ids=["folder", "before its row", "its row taken back", "its row", "before it asks"],
)
def test_a_pilot_that_was_killed_before_it_asked_begins_again(make: Callable[..., Place], trap: Trap) -> None:
    place = begun(make, trap)
    asked = len(place.provider.lines("arrived"))
    assert asked == 20, "forty rows, two a request"
    is_open = place.sql("SELECT count(*) FROM waves.wave WHERE kind = 'pilot'") == [(1,)]
    assert place.fire().code == (76 if is_open else 0)
    assert len(place.provider.lines("arrived")) == asked
    done = place.run(*PILOT, "--json")
    assert (done.code, done.json["missing"], len(done.json["rows"])) == (0, 0, 20)
    assert len(place.provider.answers()) == asked + 10
    assert place.sql("SELECT count(*) FROM waves.wave WHERE kind = 'pilot'") == [(1,)]
    on_disk = {path.name for path in (place.data / THEME / "waves").iterdir()}
    assert on_disk == {wave_id for (wave_id,) in place.sql("SELECT wave_id FROM waves.wave")}, (
        "nothing half-made is left"
    )
