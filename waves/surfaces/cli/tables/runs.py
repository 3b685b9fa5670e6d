"""The runs of a theme as a table: the gap before and after, what was done, what it cost, how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import click

from waves.store.tables.run_metrics import Run
from waves.surfaces.cli import output

_COLUMNS = ("run (UTC)", "state", "gap", "processed", "restored", "errors", "requests", "cost", "wall clock")
_NUMBERS = {"gap", "processed", "restored", "errors", "requests", "cost", "wall clock"}


def show_runs(runs: Sequence[Run]) -> None:
    """The newest first, dry runs included: they ask nothing and change nothing."""
    if runs:
        click.echo()
        output.table(_COLUMNS, map(_row, runs), right=_NUMBERS)


def _row(run: Run) -> tuple[str, ...]:
    return (
        f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}",
        run.state_in_words(),
        f"{output.count(run.gap_before)} → {output.count(run.gap_after)}",
        f"{run.items_processed:,}",
        f"{run.items_restored:,}",
        f"{run.items_errored:,}",
        f"{run.llm_calls:,}",
        output.dollars(run.llm_cost_usd),
        "" if run.duration_ms is None else f"{run.duration_ms / 1000:,.1f} s",
    )
