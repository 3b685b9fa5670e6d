"""The report of each run, for a person: the gap before and after, what was done, what it cost, how long it took."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waves.store.tables.run_metrics import Run

_NUMBERS = {"gap", "processed", "restored", "errors", "requests", "cost", "wall clock"}


def show(runs: list[Run]) -> None:
    """The newest first. A dry run asks nothing and changes nothing."""
    from rich.table import Table

    from waves.surfaces.cli import output

    if not runs:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("run (UTC)", "state", "gap", "processed", "restored", "errors", "requests", "cost", "wall clock"):
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for run in runs:
        table.add_row(
            f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}",
            run.state_in_words(),
            f"{_count(run.gap_before)} → {_count(run.gap_after)}",
            f"{run.items_processed:,}",
            f"{run.items_restored:,}",
            f"{run.items_errored:,}",
            f"{run.llm_calls:,}",
            "?" if run.llm_cost_usd is None else f"${run.llm_cost_usd:,.4f}",
            "" if run.duration_ms is None else f"{run.duration_ms / 1000:,.1f} s",
        )
    console = output.console()
    console.print()
    console.print(table)


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
