"""What the database knows about rubric versions apart from the registry: their verdicts, evaluations and comparisons,
and the decisions about them. Read-only."""

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
"""Up to this many verdicts are counted; beyond that the planner's estimate is taken."""


@dataclass(frozen=True, slots=True)
class FireSetting:
    """The setting of a theme's own fires: one of these backends, this model and batch size."""

    backends: list[str]
    model: str
    batch_size: int


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation of a version against gold. `usual`: in the setting of the theme's own fires, on all of the gold."""

    version: str
    macro_f1: float | None
    backend: str
    model: str
    batch_size: int
    items: int
    usual: bool


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """The number of rows that both versions judged, and of those with a different verdict."""

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
    """The number of verdicts of each version."""

    verdicts: Mapping[str, int]
    estimated: bool


def newest_evaluations(db: Database, theme_id: str, usual: FireSetting) -> dict[str, EvaluationRecord]:
    """By version, the newest usual evaluation; if there is none, the newest of all."""
    values = {"theme_id": theme_id, **asdict(usual)}
    records = db.records(EvaluationRecord, _SQL["evaluations"], values)
    return {record.version: record for record in records}


def newest_comparison(db: Database, theme_id: str, old: str, version: str) -> ComparisonRecord | None:
    """The newest comparison of `version` with `old` on all rows that both versions have judged."""
    return db.record(ComparisonRecord, _SQL["comparison"], {"theme_id": theme_id, "version": version, "old": old})


def decisions(db: Database, theme_id: str, version: str) -> list[DecisionRecord]:
    """The decisions about `version`, the oldest first."""
    return db.records(DecisionRecord, _SQL["decisions"], {"theme_id": theme_id, "version": version})


def verdict_counts(db: Database, theme_id: str, versions: Iterable[str]) -> VerdictCounts:
    """Counted, or estimated if all themes together have many verdicts: the table is never read as a whole."""
    if _planned(db, "all_verdicts", {}) <= _COUNTED:
        rows = db.execute(_SQL["counted"], {"theme_id": theme_id}).fetchall()
        counts = {str(version): int(count) for version, count in rows}
        return VerdictCounts({version: counts.get(version, 0) for version in versions}, estimated=False)
    return VerdictCounts(
        {version: _planned(db, "planned", {"version": version}) for version in versions}, estimated=True
    )


def _planned(db: Database, block: str, values: Mapping[str, Any]) -> int:
    with faults.mapped():
        return planned_rows(db.connection, _SQL[block], values)
