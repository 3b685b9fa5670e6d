"""Wave rows: one open per theme, final states stay final, and each change of state is audited once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from waves.errors import LockedError
from waves.models import Counts, Item, Limits, Manifest, WaveState
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.tables import waves

pytestmark = pytest.mark.postgres

AT = datetime(2026, 11, 20, tzinfo=UTC)


def _manifest(db: Database, wave_id: str, theme_id: str = "letters") -> Manifest:
    rubric_registry.ensure_theme(db, theme_id)
    items = (Item("1", "aa", {"content": "x"}), Item("2", "bb", {"content": None}))
    return Manifest(db.installation, theme_id, wave_id, "normal", "v1-0", "rehearsal", "m", Limits(), items, AT)


def test_an_opened_wave_is_the_current_one(db: Database) -> None:
    assert waves.current(db, "letters") is None
    waves.open_wave(db, _manifest(db, "w1"), "here")
    wave = waves.current(db, "letters")
    assert wave is not None
    assert (wave.wave_id, wave.state, wave.host, wave.kind) == ("w1", "open", "here", "normal")
    assert wave.counts["emitted"] == 2


def test_opening_the_same_wave_again_changes_nothing(db: Database) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "here")
    before = waves.current(db, "letters")
    waves.open_wave(db, _manifest(db, "w1"), "there")
    assert waves.current(db, "letters") == before


@pytest.mark.parametrize("state", ["open", "submitted", "held"])
def test_a_theme_has_one_open_wave_and_the_other_host_is_named(db: Database, state: WaveState) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "elsewhere")
    waves.set_state(db, "w1", state, None, None)
    with pytest.raises(LockedError, match="w1, on host elsewhere"):
        waves.open_wave(db, _manifest(db, "w2"), "here")
    waves.open_wave(db, _manifest(db, "w3", "numbers"), "here")


def test_a_closed_wave_is_not_opened_again(db: Database) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "here")
    assert waves.set_state(db, "w1", "closed", None, Counts(emitted=2, parts=2))
    with pytest.raises(LockedError, match="closed meanwhile"):
        waves.open_wave(db, _manifest(db, "w1"), "here")


def test_held_and_open_again_keep_reason_and_counts(db: Database) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "here")
    assert waves.set_state(db, "w1", "held", "9 of 10 rows changed\x00", Counts(emitted=2, parts=2, orphaned=2))
    held = waves.current(db, "letters")
    assert held is not None
    assert (held.state, held.reason, held.counts["orphaned"]) == ("held", "9 of 10 rows changed\\u0000", 2)
    assert waves.set_state(db, "w1", "open", None, None)
    opened = waves.current(db, "letters")
    assert opened is not None
    assert (opened.state, opened.counts["orphaned"]) == ("open", 2)


@pytest.mark.parametrize("final", ["closed", "abandoned"])
def test_a_final_state_is_never_left(db: Database, final: WaveState) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "here")
    assert waves.set_state(db, "w1", final, None, None)
    assert not waves.set_state(db, "w1", "open", None, None)
    assert not waves.abandon(db, "w1", "ana", "late")
    assert waves.state(db, "w1") == final
    assert waves.closed(db, "w1") == (final == "closed")


def test_an_unknown_wave_changes_nothing(db: Database) -> None:
    assert not waves.abandon(db, "w9", "ana", None)
    assert waves.state(db, "w9") is None
    assert not waves.closed(db, "w9")


def test_abandoning_is_audited_once_and_frees_the_theme(db: Database) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "elsewhere")
    assert waves.abandon(db, "w1", "ana", "host is gone", run_id="r1")
    assert not waves.abandon(db, "w1", "ana", "again")
    rows = db.execute(
        "SELECT run_id, actor, entity_id, before_json, after_json, reason FROM waves.audit_log"
    ).fetchall()
    assert rows == [("r1", "ana", "w1", {"state": "open"}, {"state": "abandoned"}, "host is gone")]
    waves.open_wave(db, _manifest(db, "w2"), "here")


def test_new_counts_alone_are_no_change_of_state(db: Database) -> None:
    waves.open_wave(db, _manifest(db, "w1"), "here")
    assert waves.set_state(db, "w1", "open", None, Counts(emitted=2, parts=1, missing=1))
    assert db.execute("SELECT count(*) FROM waves.audit_log").fetchone() == (0,)


def test_only_waves_collected_long_ago_may_be_pruned(db: Database) -> None:
    for wave_id, state, age in (("w1", "closed", 31), ("w2", "closed", 29), ("w3", "abandoned", 90)):
        waves.open_wave(db, _manifest(db, wave_id), "here")
        waves.set_state(db, wave_id, state, None, None)  # type: ignore[arg-type]
        values = {"wave": wave_id, "age": age}
        db.execute(
            "UPDATE waves.wave SET closed_at = now() - make_interval(days => %(age)s) WHERE wave_id = %(wave)s", values
        )
    waves.open_wave(db, _manifest(db, "w4"), "here")
    assert waves.closed_before(db, "letters", 30) == ["w1"]
