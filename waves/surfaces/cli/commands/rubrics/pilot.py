"""`wave pilot`: let a rubric version judge a sample, and show what it would change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from waves.config import project
from waves.fire_report import FireReport
from waves.ids import new_run_id
from waves.learn.pilot.pilot import Pilot, PilotOptions, run_pilot
from waves.learn.pilot.review import review_markdown
from waves.models import Ending
from waves.steps.session.session import Watcher
from waves.surfaces.cli import faults, output, progress
from waves.surfaces.cli.options import Person, ReportFile, backend_option, json_option, write_report
from waves.surfaces.cli.tables.pilot import show_pilot


@click.command("pilot")
@click.argument("theme")
@click.option("--version", metavar="VERSION", help="The version to try; default: the newest rubric file.")
@click.option(
    "--keys", type=click.IntRange(min=1), default=34, metavar="N", show_default=True, help="Sample at most N rows."
)
@backend_option
@click.option("--by", type=Person(), help="Who tries it; recorded with the version if it is new.")
@click.option(
    "--dry-run", is_flag=True, help="Ask no model and write nothing; show what would be done and what it would cost."
)
@click.option("--markdown", type=ReportFile(), help="Also write the review to this file.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    version: str | None,
    keys: int,
    backend: str | None,
    by: str | None,
    dry_run: bool,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Let a rubric version of THEME judge a sample of rows, and show the new verdicts beside the present ones.

    The sample has rows of every present verdict. Nothing is merged: `wave approve` merges the pilot, `wave abandon`
    gives it up. Run the command again to go on with missing items, or to show the open pilot.

    \b
    Example:
      wave pilot comment_classifier --keys 34
      wave pilot comment_classifier --version v2-1a2b3c4 --json | jq .changed
    """
    with progress.watching(enabled=not as_json) as watcher:
        pilot = _piloted(theme, PilotOptions(version, keys, backend, dry_run, by), watcher)
    report, review = pilot.report, pilot.review
    if review is not None and markdown is not None:
        write_report(markdown, review_markdown(review))
    if as_json:
        output.emit(_object(pilot))
    elif review is not None:
        show_pilot(pilot, review)
    if report.fault is not None:
        faults.show(report.fault)
    elif not as_json and dry_run:
        click.echo(report.ending.reason)
    elif not as_json and (report.exit_code or review is None):
        click.echo(f"{report.ending.state.replace('_', ' ')}: {report.ending.reason}", err=True)
    ctx.exit(report.exit_code)


def _piloted(theme: str, options: PilotOptions, watcher: Watcher | None) -> Pilot:
    """The pilot. A bug is in its report too, so that `--json` prints it as JSON."""
    try:
        return run_pilot(project.load(), theme, options, watcher)
    except Exception as error:  # noqa: BLE001 - the last resort: two lines instead of a traceback
        fault = faults.as_fault(error)
        return Pilot(FireReport(theme, new_run_id(), Ending("failed", fault.message), 0, fault=fault), options.version)


def _object(pilot: Pilot) -> dict[str, Any]:
    report, review = pilot.report, pilot.review
    rows = review.rows if review else ()
    error = {"error": output.error_object(report.fault)} if report.fault else {}
    return {
        "theme": report.theme,
        "version": pilot.version,
        "wave_id": report.wave_id,
        "state": report.ending.state,
        "rows": [
            {
                "entity_key": row.entity_key,
                "input": dict(row.input),
                "old": row.old,
                "new": row.new,
                "confidence": row.confidence,
                "changed": row.changed,
            }
            for row in rows
        ],
        "changed": review.changed if review else 0,
        "unchanged": review.unchanged if review else 0,
        "first": review.first if review else 0,
        "missing": review.missing if review else report.counts.missing,
        "llm_calls": report.llm_calls,
        "cost_usd": pilot.cost_usd if review else report.cost_usd,
        "duration_ms": report.duration_ms,
        "snoozed_until": output.moment(report.ending.snoozed_until),
        "reason": report.ending.reason,
        "page": str(pilot.page) if pilot.page else None,
    } | error
