"""Rows and rubric change under an open wave: each content is judged once, the target shows what the row says now."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.corpus import RUBRIC
from tests.faults.place import THEME, Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]


def open_wave(make: Make, at: int = 60, **fields: int) -> Place:
    """A wave over all rows whose runner died when so many parts were there."""
    place = make({"latency": {"a": 0.01}}, **fields)
    assert place.fire(traps=[Trap(r"^rename .*parts/", at)]).code == -signal.SIGKILL
    judge.nothing_is_left_running(place)
    return place


def items_asked(place: Place, since: int) -> int:
    return sum(len(line["items"]) for line in place.provider.lines("arrived")[since:])


def shown_as_judged(place: Place) -> None:
    """Every row shows a verdict for exactly what it says now."""
    assert place.sql("SELECT id FROM note WHERE labels IS NULL") == []
    assert (
        place.sql(
            """SELECT n.id FROM note n WHERE NOT EXISTS (
               SELECT FROM waves.verdict v
                WHERE v.entity_key = n.id::text AND v.state = 'accepted' AND v.output -> 'labels' = n.labels::jsonb
                  AND v.input_hash = encode(sha256(convert_to(
                          jsonb_build_array(n.content, n.kind)::text, 'UTF8')), 'hex'))"""
        )
        == []
    )


def test_edited_deleted_and_added_rows_end_judged_as_they_are(make: Make) -> None:
    place = open_wave(make, at=30)
    place.sql("UPDATE note SET content = 'How was the new text of ' || id || ' made?' WHERE id <= 4")
    place.sql("DELETE FROM note WHERE id IN (10, 11)")
    place.sql(
        "INSERT INTO note (id, content, kind) SELECT n, 'I agree with ' || n, 'review' FROM generate_series(100, 104) n"
    )
    place.fire_until_complete()
    shown_as_judged(place)
    (counts,) = place.sql("SELECT counts FROM waves.wave ORDER BY opened_at LIMIT 1")[0]
    assert (counts["emitted"], counts["entries"], counts["matched"], counts["orphaned"]) == (60, 60, 54, 6)
    assert place.sql("SELECT count(*) FROM waves.verdict WHERE state = 'accepted'") == [(69,)]
    judge.ledger_agrees(place, judge.calls(place))


def test_a_row_that_says_again_what_was_judged_costs_nothing(make: Make) -> None:
    place = open_wave(make)
    place.sql("UPDATE note SET kind = 'changed' WHERE id = 7")
    assert place.fire().code == 0
    place.sql("UPDATE note SET kind = 'review' WHERE id = 7")
    arrived = len(place.provider.lines("arrived"))
    place.fire_until_complete()
    shown_as_judged(place)
    assert items_asked(place, arrived) == 0


def test_too_many_orphans_hold_the_wave_until_a_person_accepts_them(make: Make) -> None:
    place = open_wave(make)
    place.sql("UPDATE note SET content = 'Please rewrite ' || id WHERE id <= 24")
    place.sql("DELETE FROM note WHERE id = 25")
    for _ in range(2):
        fired = place.fire()
        assert (fired.code, fired.state) == (76, "held")
        assert "24 changed, 1 vanished; keys 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 15 more" in fired.json["reason"]
    status = place.run("status", THEME)
    assert status.code == 0
    assert "24 changed, 1 vanished; keys 1, 2, 3," in status.out
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NOT NULL") == [(0,)]
    assert place.sql("SELECT FROM waves.verdict") == []
    arrived = len(place.provider.lines("arrived"))
    assert place.run("collect", THEME, "--accept-orphans", "--by", "ana").code == 0
    assert len(place.provider.lines("arrived")) == arrived
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NOT NULL") == [(35,)]
    assert place.sql("SELECT count(*) FROM waves.audit_log WHERE actor = 'ana' AND reason LIKE '%%25 orphans%%'") == [
        (1,)
    ]
    assert place.sql("SELECT count(*) FROM waves.verdict WHERE state = 'accepted' AND applied_at IS NULL") == [(25,)]
    place.fire_until_complete()
    shown_as_judged(place)
    assert items_asked(place, arrived) == 24


def test_a_held_wave_that_is_given_up_pays_again_for_edited_rows_alone(make: Make) -> None:
    place = open_wave(make)
    place.sql("UPDATE note SET content = 'Please rewrite ' || id WHERE id <= 25")
    assert place.fire().code == 76
    arrived = len(place.provider.lines("arrived"))
    assert place.run("abandon", THEME, "--by", "ana").code == 0
    place.fire_until_complete()
    shown_as_judged(place)
    assert items_asked(place, arrived) == 25


def test_any_orphan_holds_the_wave_where_the_rate_is_zero(make: Make) -> None:
    place = open_wave(make)
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_orphan_rate', '0')", THEME)
    place.sql("DELETE FROM note WHERE id = 3")
    assert place.fire().code == 76
    assert place.run("collect", THEME, "--accept-orphans", "--by", "ana").code == 0
    assert place.fire().code == 0
    shown_as_judged(place)


def test_a_rubric_edited_under_an_open_wave_waits_for_its_activation(make: Make) -> None:
    place = open_wave(make, at=30)
    before = place.sql("SELECT active_version FROM waves.theme")
    (place.root / "prompts" / THEME / "v1.md").write_text(RUBRIC.replace("asks something", "wants to know something"))
    systems = {line["system_sha256"] for line in place.provider.lines("arrived")}
    assert place.fire().code == 0
    judge.after_all(place)
    assert {line["system_sha256"] for line in place.provider.lines("arrived")} == systems
    assert place.sql("SELECT DISTINCT version FROM note") == before
    arrived = len(place.provider.lines("arrived"))
    assert place.run("rubrics", "activate", THEME, "--yes").code == 0
    assert place.run("approve", THEME, "--by", "ana").code == 0
    place.fire_until_complete()
    shown_as_judged(place)
    assert items_asked(place, arrived) == place.n_items
    assert place.sql("SELECT count(DISTINCT version), min(version) <> %s FROM note", before[0][0]) == [(1, True)]


def test_a_version_activated_under_an_open_wave_gets_nothing_of_the_old_one(make: Make) -> None:
    place = open_wave(make, at=30)
    (place.root / "prompts" / THEME / "v1.md").write_text(RUBRIC.replace("asks something", "wants to know something"))
    arrived = len(place.provider.lines("arrived"))
    assert place.run("rubrics", "activate", THEME, "--yes").code == 0
    assert place.run("approve", THEME, "--by", "ana").code == 0
    place.fire_until_complete()
    shown_as_judged(place)
    versions = place.sql("SELECT DISTINCT n.version = t.active_version FROM note n, waves.theme t")
    assert versions == [(True,)]
    assert items_asked(place, arrived) == place.n_items  # by the new version; the old one asks for nothing more
    kept = "SELECT count(*) FROM waves.verdict v JOIN waves.theme t USING (theme_id) WHERE v.state = 'accepted' AND "
    assert place.sql(kept + "rubric_version = active_version") == [(place.n_items,)]
    assert 0 < place.sql(kept + "rubric_version <> active_version")[0][0] < place.n_items  # what was paid for
