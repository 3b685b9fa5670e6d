"""The `runs` rows: one per fire, opened when it starts and closed when it ends, for any reason.

A killed fire leaves its row `running`; the next fire on that host closes it as `died`. Rows of other hosts are never
touched: their own host closes them. A dry run has a row as well, marked as such.
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
    """What a fire reports at its end. A key that is left out stays as it was; `llm_cost_usd` None means unknown."""

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
        """The state; for a run that is no fire (a pilot, an evaluation, an approval) with what it was."""
        state = self.state.replace("_", " ")
        return f"{self.trigger}: {state}" if self.trigger in {"pilot", "eval", "approve"} else state


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run found. It sent nothing and spent nothing, so the gap before is the gap after."""

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
    """Opens the row. `trigger` is what started the run: cron, cli, http, mcp …"""
    values = {"run_id": run_id, "theme_id": theme_id, "trigger": trigger, "host": host, "pid": pid, "dry_run": dry_run}
    db.execute(_SQL["start"], {**values, "gap_before": gap_before})


def record_taken(db: Database, run_id: str, found: int, restored: int) -> None:
    """Records that `found` rows needed work, of which `restored` were restored: in a large table these can be more than
    were counted when the run began. Written at once, because the run may be killed before it finishes."""
    db.execute(_SQL["taken"], {"run_id": run_id, "found": found, "restored": restored})


def on_complete_due(db: Database, theme_id: str) -> bool:
    """Whether the gap held rows, or a wave was merged, since the theme's command last succeeded."""
    return bool(db.scalar(_SQL["completion_due"], {"theme_id": theme_id}))


def record_on_complete(db: Database, run_id: str, exit_code: int) -> None:
    """Records that the theme's command ran in this run. Written at once: the run may be killed before it finishes."""
    db.execute(_SQL["completed"], {"run_id": run_id, "exit_code": exit_code})


def finish_run(db: Database, run_id: str, **figures: Unpack[Figures]) -> None:
    """Closes the row with `figures`; its duration is measured by the database's clock."""
    values = dict.fromkeys(Figures.__annotations__) | dict(figures) | {"run_id": run_id}
    if figures.get("error_summary"):
        values["error_summary"] = storable(str(figures["error_summary"]))
    db.execute(_SQL["finish"], values)


def record_dry_run(db: Database, run_id: str, theme_id: str, dry_run: DryRun) -> None:
    """Writes the whole row at once; nothing if the theme is not registered yet, or if the database is read-only: a dry
    run works there as well."""
    values = {**asdict(dry_run), "run_id": run_id, "theme_id": theme_id}
    values["error_summary"] = storable(dry_run.error_summary or "") or None
    refused = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)
    with faults.mapped(), suppress(*refused):
        db.connection.execute(_SQL["foreseen"], values)


def close_dead_runs(db: Database, theme_id: str, host: str) -> list[str]:
    """Closes the theme's running rows of this `host`. Returns their run ids. Only under the theme's locks, which show
    that no other fire runs; a process id does not, because another process may have it by now."""
    return [run_id for (run_id,) in db.execute(_SQL["bury"], {"theme_id": theme_id, "host": host})]


def running_ids(db: Database, theme_id: str, host: str) -> list[str]:
    """The theme's runs on this `host` that are not closed. Under the theme's locks they are all dead."""
    return [run_id for (run_id,) in db.execute(_SQL["running"], {"theme_id": theme_id, "host": host})]


def last_runs(db: Database, theme_id: str, count: int, *, dry_runs: bool = True) -> list[Run]:
    """The newest `count` runs, the newest first, including one that still runs."""
    values = {"theme_id": theme_id, "count": count, "dry_runs": dry_runs}
    return db.records(Run, _SQL["last"], values)
