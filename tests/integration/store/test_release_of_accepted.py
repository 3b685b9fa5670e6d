"""A row that is asked again although it has a verdict (its target was cleared) must not keep its wave open for ever."""

from __future__ import annotations

from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.tables import verdicts

VERSION = "v1-0000000"


def test_an_accepted_row_that_was_asked_again_in_vain_is_released_and_keeps_its_verdict(db: Database) -> None:
    rubric_registry.ensure_theme(db, "tickets")
    db.execute("INSERT INTO waves.wave VALUES ('w1', 'tickets', 'v1-0000000', 'normal', 'here')")
    db.execute(
        "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, output, wave_id)"
        " VALUES ('tickets', 'k', 'v1-0000000', 'h', 'accepted', '{}', 'w0')"
    )
    assert verdicts.settled_items(db, "w1") == {}

    verdicts.release(db, "w1", [("k", "h")], "nothing to store after 3 tries")

    assert verdicts.settled_items(db, "w1") == {("k", "h"): "accepted"}
    assert verdicts.settled_items(db, "w0") == {}
