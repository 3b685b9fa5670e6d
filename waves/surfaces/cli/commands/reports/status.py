"""`wave status`: every theme at a glance."""

from __future__ import annotations

import time
from typing import Any

import click

from waves.config import project
from waves.config import theme as themes
from waves.errors import WaveError
from waves.steps.reports.status import ThemeStatus, status
from waves.store.connect import open_database
from waves.surfaces.cli import output
from waves.surfaces.cli.faults import show
from waves.surfaces.cli.options import json_option
from waves.surfaces.cli.tables.runs import show_runs
from waves.surfaces.cli.tables.status import show_themes


@click.command("status")
@click.argument("theme", required=False)
@json_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@click.pass_context
def command(ctx: click.Context, theme: str | None = None, *, as_json: bool = False, watch: bool = False) -> None:
    """Show progress, open wave, snooze and spend of THEME, or of every theme. Read-only.

    The percentage is that of the rows that are done. Rows that were given up (quarantined or refused) have a column of
    their own; `wave retry` gives them back to the gap.

    With THEME it also shows the last runs: the gap before and after, items, requests, cost and wall clock.

    \b
    Example:
      wave status comment_classifier
      wave status --json | jq '.themes[].percent'
    """
    while True:
        reports, faults = _read(theme)
        if as_json:
            error = {"error": output.error_object(faults[0])} if faults else {}
            output.emit({"themes": [_object(report) for report in reports]} | error)
        else:
            if watch:
                click.clear()
            if reports or not faults:
                show_themes(reports)
            if theme is not None and reports:
                show_runs(reports[0].runs)
        for fault in faults:
            show(fault)
        if not watch:
            break
        time.sleep(2)
    ctx.exit(faults[0].exit_code if faults else 0)


def _read(theme: str | None) -> tuple[list[ThemeStatus], list[WaveError]]:
    """The themes that can be read, and the faults of the others: one broken theme does not hide the rest."""
    reports: list[ThemeStatus] = []
    faults: list[WaveError] = []
    try:
        here = project.load()
        if theme is not None:
            themes.load(here.prompts, theme)
        with open_database(here, migrate=False) as db:
            for theme_id in [theme] if theme else themes.known(here.prompts):
                try:
                    reports.append(status(here, db, theme_id))
                except WaveError as fault:
                    faults.append(fault)
    except WaveError as fault:
        faults.append(fault)
    return reports, faults


def _object(theme: ThemeStatus) -> dict[str, Any]:
    """One theme of `wave status --json`, as docs/design.md fixes it."""
    wave, run = theme.wave, theme.last_run
    return {
        "theme": theme.theme_id,
        "rubric_version": theme.rubric_version,
        "backend": theme.backend,
        "total": theme.census.total,
        "done": theme.census.done,
        "missing": theme.census.missing,
        "given_up": theme.census.given_up,
        "percent": theme.percent,
        "estimated": theme.census.estimated,
        "corrupt_parts": wave.corrupt_parts if wave else 0,
        "wave": {
            "id": wave.wave_id,
            "state": wave.state,
            "kind": wave.kind,
            "host": wave.host,
            "counts": _counts_object(wave.counts),
        }
        if wave
        else None,
        "snoozed_until": output.moment(theme.quota.snoozed_until),
        "snooze_reason": theme.quota.snooze_reason,
        "last_run": {
            "run_id": run.run_id,
            "started_at": output.moment(run.started_at),
            "finished_at": output.moment(run.finished_at),
            "state": run.state,
            "reason": run.error_summary,
            "items_processed": run.items_processed,
            "items_errored": run.items_errored,
            "llm_cost_usd": run.llm_cost_usd,
        }
        if run
        else None,
        "spend": {"today_usd": theme.spend.today_usd, "total_usd": theme.spend.total_usd},
        "eta": {"waves": theme.waves_left, "at": None},
    }


def _counts_object(counts: Any) -> dict[str, int] | None:  # noqa: ANN401 - Counts, or None if the folder is on another host
    names = ("emitted", "parts", "released", "quarantined", "missing")
    return {name: getattr(counts, name) for name in names} if counts is not None else None
