"""What the database knows about rubric versions beside the registry: their verdicts, evaluations and comparisons, and
who decided what about them. Read-only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from waves.store import faults, queries
from waves.store.rows.census import planned_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from waves.store.connect import Database

_SQL = queries.load("rubric_facts.sql")
_COUNTED = 200_000
"""Verdicts that are counted; of more than these the planner is asked."""


@dataclass(frozen=True, slots=True)
class FireSetting:
    """The setting of a theme's own fires: one of these backends, this model and batch size."""

    backends: list[str]
    model: str
    batch_size: int


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """One of a version against gold. `usual`: in the setting of the theme's own fires, on all of the gold."""

    version: str
    macro_f1: float | None
    backend: str
    model: str
    batch_size: int
    items: int
    usual: bool


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """Rows that both versions judged, and how many of them got another verdict."""

    old_version: str
    compared: int
    flips: int


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """An activation or an approval, as the audit log has it."""

    created_at: datetime
    actor: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reason: str | None


@dataclass(frozen=True, slots=True)
class VerdictCounts:
    """How many verdicts each version has."""

    verdicts: Mapping[str, int]
    estimated: bool


def newest_evaluations(db: Database, theme_id: str, usual: FireSetting) -> dict[str, EvaluationRecord]:
    """Of each version that has one, the newest usual evaluation; where there is none, the newest of all."""
    values = {"theme_id": theme_id, **asdict(usual)}
    found = db.records(EvaluationRecord, _SQL["evaluations"], values)
    return {one.version: one for one in found}


def newest_comparison(db: Database, theme_id: str, old: str, version: str) -> ComparisonRecord | None:
    """The newest comparison of `version` with `old` on all rows that both have judged."""
    return db.record(ComparisonRecord, _SQL["comparison"], {"theme_id": theme_id, "version": version, "old": old})


def decisions(db: Database, theme_id: str, version: str) -> list[DecisionRecord]:
    """What was decided about `version`, the first decision first."""
    return db.records(DecisionRecord, _SQL["decisions"], {"theme_id": theme_id, "version": version})


def verdict_counts(db: Database, theme_id: str, versions: Iterable[str]) -> VerdictCounts:
    """Counted, or estimated where all themes together have many: no table is read as a whole for it."""
    if _planned(db, "all_verdicts", {}) <= _COUNTED:
        rows = db.execute(_SQL["counted"], {"theme_id": theme_id}).fetchall()
        found = {str(version): int(count) for version, count in rows}
        return VerdictCounts({version: found.get(version, 0) for version in versions}, estimated=False)
    return VerdictCounts(
        {version: _planned(db, "planned", {"version": version}) for version in versions}, estimated=True
    )


def _planned(db: Database, block: str, values: Mapping[str, Any]) -> int:
    with faults.mapped():
        return planned_rows(db.connection, _SQL[block], values)
