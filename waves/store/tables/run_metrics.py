"""The `runs` rows: one per fire, opened when it starts and closed however it ends.

A fire that was killed leaves its row `running`; the next one on that host closes it as `died`. Rows of other hosts
are never touched: their own host does it. A dry run has a row as well, which is marked as such.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypedDict

import psycopg

from waves.store import faults, queries
from waves.store.text import storable

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Required, Unpack

    from waves.store.connect import Database

_SQL = queries.load("run_metrics.sql")


class Figures(TypedDict, total=False):
    """What a fire reports at its end. What is left out stays as it was; `llm_cost_usd` None means unknown."""

    state: Required[str]
    wave_id: str | None
    items_considered: int
    items_processed: int
    items_skipped: int
    items_errored: int
    llm_calls: int
    llm_cost_usd: float | None
    rubric_version: str | None
    gap_after: int | None
    reserved_keys: int
    reserved_usd: float | None
    error_summary: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `waves.runs`, without the theme."""

    run_id: str
    wave_id: str | None
    started_at: datetime
    finished_at: datetime | None
    dry_run: bool
    trigger: str
    host: str
    pid: int
    items_considered: int
    items_processed: int
    items_skipped: int
    items_errored: int
    items_restored: int
    llm_calls: int
    llm_cost_usd: float | None
    rubric_version: str | None
    duration_ms: int | None
    gap_before: int | None
    gap_after: int | None
    state: str
    error_summary: str | None

    def state_in_words(self) -> str:
        """How it ended; of what is no fire but had a run of its own, also what it was."""
        state = self.state.replace("_", " ")
        return f"{self.trigger}: {state}" if self.trigger in {"pilot", "eval", "approve"} else state


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run found. It asked nothing and spent nothing, so that the gap before is the gap after."""

    started_at: datetime
    trigger: str
    host: str
    pid: int
    items_considered: int
    gap: int
    rubric_version: str
    wave_id: str | None
    error_summary: str | None


def start_run(
    db: Database,
    run_id: str,
    theme_id: str,
    trigger: str,
    host: str,
    pid: int,
    dry_run: bool,
    gap_before: int | None = None,
) -> None:
    """`trigger` is who asked: cron, cli, http, mcp …"""
    values = {"run_id": run_id, "theme_id": theme_id, "trigger": trigger, "host": host, "pid": pid, "dry_run": dry_run}
    db.execute(_SQL["start"], {**values, "gap_before": gap_before})


def record_taken(db: Database, run_id: str, found: int, restored: int) -> None:
    """So many rows needed work: in a large table that is more than could be counted when the run began. Of them so many
    were restored. Written at once: the run may be killed before it is finished."""
    db.execute(_SQL["taken"], {"run_id": run_id, "found": found, "restored": restored})


def on_complete_due(db: Database, theme_id: str) -> bool:
    """Whether anything was in the gap, or was merged, since the theme's command last ended well."""
    return bool(db.scalar(_SQL["completion_due"], {"theme_id": theme_id}))


def record_on_complete(db: Database, run_id: str, exit_code: int) -> None:
    """The theme's command ran in this run. Written at once: the run may be killed before it is finished."""
    db.execute(_SQL["completed"], {"run_id": run_id, "exit_code": exit_code})


def finish_run(db: Database, run_id: str, **figures: Unpack[Figures]) -> None:
    """Closes the row with `figures`; its duration is counted by the database's clock."""
    values = dict.fromkeys(Figures.__annotations__) | dict(figures) | {"run_id": run_id}
    if figures.get("error_summary"):
        values["error_summary"] = storable(str(figures["error_summary"]))
    db.execute(_SQL["finish"], values)


def record_dry_run(db: Database, run_id: str, theme_id: str, dry_run: DryRun) -> None:
    """The whole row at once. Nothing where the theme is not registered yet, or where the database takes no writes: a
    dry run works there as well."""
    values = {**asdict(dry_run), "run_id": run_id, "theme_id": theme_id}
    values["error_summary"] = storable(dry_run.error_summary or "") or None
    refused = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)
    with faults.mapped(), suppress(*refused):
        db.connection.execute(_SQL["foreseen"], values)


def close_dead_runs(db: Database, theme_id: str, host: str) -> list[str]:
    """Closes the theme's running rows of this `host`; the run ids. Only under the theme's locks: whoever holds them
    knows that no other fire runs, where a process number tells nothing, because another process may bear it by now."""
    return [run_id for (run_id,) in db.execute(_SQL["bury"], {"theme_id": theme_id, "host": host})]


def running_ids(db: Database, theme_id: str, host: str) -> list[str]:
    """The theme's runs on this `host` that nobody has closed. Under the theme's locks they are all dead."""
    return [run_id for (run_id,) in db.execute(_SQL["running"], {"theme_id": theme_id, "host": host})]


def last_run(db: Database, theme_id: str) -> Run | None:
    """The newest that was no dry run."""
    found = last_runs(db, theme_id, 1, dry_runs=False)
    return found[0] if found else None


def last_runs(db: Database, theme_id: str, count: int, *, dry_runs: bool = True) -> list[Run]:
    """The newest first, a running one included."""
    values = {"theme_id": theme_id, "count": count, "dry_runs": dry_runs}
    return db.records(Run, _SQL["last"], values)
