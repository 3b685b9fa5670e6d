"""Source or target change their shape under an open wave: a person is told, and nothing that was paid is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.place import Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]

SOURCE_RENAMED = ("ALTER VIEW note_seen RENAME TO elsewhere", "ALTER VIEW elsewhere RENAME TO note_seen", "note_seen")
TARGET_RENAMED = ("ALTER TABLE note RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO note", "note")
COLUMN_GONE = (
    "DROP VIEW note_seen; CREATE VIEW note_seen AS SELECT id, content FROM note",
    "DROP VIEW note_seen; CREATE VIEW note_seen AS SELECT id, content, kind FROM note",
    "kind",
)
OTHER_TYPE = (
    "ALTER TABLE note ALTER labels TYPE integer USING NULL",
    "ALTER TABLE note ALTER labels TYPE text USING NULL",
    "labels",
)
CHANGES = (SOURCE_RENAMED, TARGET_RENAMED, COLUMN_GONE, OTHER_TYPE)


def test_a_fire_that_finds_another_shape_asks_nothing_and_goes_on_when_it_is_mended(make: Make) -> None:
    place = make({"latency": {"a": 0.01}})
    assert place.fire(traps=[Trap(r"^rename .*parts/", 30)]).code == -signal.SIGKILL
    arrived = len(place.provider.lines("arrived"))
    for change, mend, name in CHANGES:
        place.sql(change)
        fired = place.fire()
        assert (fired.code, fired.state) == (78, "failed")
        assert name in fired.json["error"]["message"]
        assert place.sql("SELECT state FROM waves.wave") == [("open",)]
        place.sql(mend)
    assert len(place.provider.lines("arrived")) == arrived
    place.fire_until_complete()
    judge.after_all(place)


@pytest.mark.parametrize(
    "change", CHANGES, ids=["source renamed", "target renamed", "column gone", "target column of another type"]
)
def test_a_change_while_a_fire_asks_is_told_when_it_merges_and_nothing_is_paid_again(
    make: Make, change: tuple[str, str, str]
) -> None:
    place = make({"latency": {"a": 0.2}}, n_items=24)
    fire = place.begin_fire()
    place.wait_for_answers(1)
    place.sql(change[0])
    fired = fire.end()
    assert (fired.code, fired.state) == (78, "failed"), fired
    arrived = len(place.provider.lines("arrived"))
    assert arrived == 8
    assert place.sql("SELECT state FROM waves.wave") == [("open",)]
    assert place.sql("SELECT FROM waves.verdict") == []
    place.sql(change[1])
    place.fire_until_complete()
    assert len(place.provider.lines("arrived")) == arrived
    judge.after_all(place)
