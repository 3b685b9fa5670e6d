"""Rubric versions: entered once, activated by a person, approved by a person, and every such step is audited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.models import Item, Limits, Manifest
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry as registry
from waves.store.tables import waves

pytestmark = pytest.mark.postgres

FIRST = Rubric(
    version="v1-0000001",
    kind="classify",
    labels=("a",),
    multi=False,
    schema={"type": "object"},
    wire_schema={},
    examples=(),
    system="",
    text="the file ✓",
)
SECOND = replace(FIRST, version="v1-0000002", text="the file, edited")


def test_the_decimals_of_a_schema_are_entered_as_they_are(db: Database) -> None:
    schema = {"type": "object", "properties": {"a": {"maximum": Decimal("0.10")}}}
    registry.register(db, "letters", replace(FIRST, schema=schema), ["content"])
    entered = "SELECT output_schema_json #>> '{properties,a,maximum}' FROM waves.theme_rubric"
    assert db.execute(entered).fetchall() == [("0.10",)]


@pytest.fixture
def theme(db: Database) -> str:
    registry.register(db, "letters", FIRST, ["content"])
    return "letters"


def _audit(db: Database) -> list[tuple[object, ...]]:
    return db.execute(
        "SELECT actor, entity_id, before_json, after_json, reason FROM waves.audit_log ORDER BY id"
    ).fetchall()


def test_the_first_version_becomes_active_by_itself_and_a_later_one_does_not(db: Database, theme: str) -> None:
    second = registry.register(db, theme, SECOND, ["content"])
    active = registry.active(db, theme)
    assert active is not None
    assert (active.version, active.text, active.input_columns) == (FIRST.version, FIRST.text, ["content"])
    assert (active.approved_rows, active.approved_by) == (None, None)
    assert registry.history(db, theme) == [active, second]


def test_registering_again_changes_nothing(db: Database, theme: str) -> None:
    registry.approve(db, theme, FIRST.version, "ana", 200, None, ["content"])
    before = registry.find(db, theme, FIRST.version)
    assert registry.register(db, theme, FIRST, ["other"]) == before


def test_an_unknown_theme_has_no_active_version(db: Database) -> None:
    assert registry.active(db, "unknown") is None
    assert registry.find(db, "unknown", "v1-0") is None
    assert registry.history(db, "unknown") == []


def test_activating_moves_the_theme_and_writes_one_audit_row(db: Database, theme: str) -> None:
    registry.register(db, theme, SECOND, ["content"])
    moved = registry.activate(db, theme, SECOND.version, "ana", "better")
    assert moved == registry.VersionChange(FIRST.version, SECOND.version)
    registry.activate(db, theme, SECOND.version, "ana", "again")
    active = registry.active(db, theme)
    assert active is not None
    assert active.version == SECOND.version
    first = ("waves", FIRST.version, {"active_version": None}, {"active_version": FIRST.version})
    second = ("ana", SECOND.version, {"active_version": FIRST.version}, {"active_version": SECOND.version}, "better")
    assert [row[:4] for row in _audit(db)] == [first, second[:4]]
    assert _audit(db)[1] == second


STEPS: dict[str, Callable[[Database, str, str], object]] = {
    "activate": lambda db, theme, version: registry.activate(db, theme, version, "ana", None),
    "approve": lambda db, theme, version: registry.approve(db, theme, version, "ana", None, None, ["content"]),
    "rows_left": lambda db, theme, version: registry.rows_left(db, theme, version, 50, ["content"]),
}


@pytest.mark.parametrize("step", STEPS)
def test_an_unknown_version_is_refused_and_the_known_ones_are_named(db: Database, theme: str, step: str) -> None:
    with pytest.raises(ConfigurationError, match="v1-fffffff") as caught:
        STEPS[step](db, theme, "v1-fffffff")
    assert FIRST.version in caught.value.hint
    assert len(_audit(db)) == 1


def test_the_gate_counts_what_waves_of_the_version_were_opened_with(db: Database, theme: str) -> None:
    registry.register(db, theme, SECOND, ["content"])
    assert registry.rows_left(db, theme, FIRST.version, 50, ["content"]) == 50
    _open(db, theme, FIRST.version, "w1", 30)
    assert registry.rows_left(db, theme, FIRST.version, 50, ["content"]) == 20
    assert registry.rows_left(db, theme, SECOND.version, 50, ["content"]) == 50
    _open(db, theme, FIRST.version, "w2", 25)
    assert registry.rows_left(db, theme, FIRST.version, 50, ["content"]) == 0


def test_an_approval_opens_the_gate_as_far_as_it_says(db: Database, theme: str) -> None:
    _open(db, theme, FIRST.version, "w1", 50)
    registry.approve(db, theme, FIRST.version, "ana", 200, "looks fine", ["content"])
    assert registry.rows_left(db, theme, FIRST.version, 50, ["content"]) == 150
    registry.approve(db, theme, FIRST.version, "ana", None, None, ["content"])
    assert registry.rows_left(db, theme, FIRST.version, 50, ["content"]) is None
    approvals = _audit(db)[1:]
    assert approvals[0] == (
        "ana",
        FIRST.version,
        {"approved_rows": None, "approved_by": None},
        {"approved_rows": 200, "approved_by": "ana"},
        "looks fine",
    )
    assert len(approvals) == 2


def _open(db: Database, theme: str, version: str, wave_id: str, size: int) -> None:
    items = tuple(Item(str(n), f"{n:064d}", {}) for n in range(size))
    at = datetime(2026, 11, 20, tzinfo=UTC)
    manifest = Manifest(db.installation, theme, wave_id, "normal", version, "rehearsal", "m", Limits(), items, at)
    waves.open_wave(db, manifest, "here")
    waves.abandon(db, wave_id, "ana", None)
    db.execute("DELETE FROM waves.audit_log WHERE entity_id = %(wave)s", {"wave": wave_id})
