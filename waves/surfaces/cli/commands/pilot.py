"""`wave pilot`: a version judges a sample, and shows what it would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli import faults, options, progress
from waves.surfaces.cli.options import Person, ReportFile

if TYPE_CHECKING:
    from pathlib import Path

    from waves.learn.pilot.pilot import Pilot, PilotOptions
    from waves.learn.pilot.review import Review
    from waves.steps.session.session import Watcher


@click.command("pilot")
@click.argument("theme")
@click.option("--version", help="The version to try; default: that of the newest rubric file.")
@click.option("--keys", type=click.IntRange(min=1), default=34, show_default=True, help="Rows of the sample at most.")
@click.option("--backend", help="A backend of waves.yaml, or `rehearsal`.")
@click.option("--by", "name", type=Person(), help="Who tries it; stands with the version where it is new.")
@click.option("--dry-run", is_flag=True, help="Ask no model, write nothing; say what would be done.")
@click.option("--markdown", type=ReportFile(), help="A copy of the review file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    version: str | None,
    keys: int,
    backend: str | None,
    name: str | None,
    dry_run: bool,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Have a rubric version of THEME judge a sample of rows, and show its verdicts beside those that hold now.

    The sample has rows of every old verdict. Nothing is merged: `wave approve` does that, `wave abandon` gives it up.
    Called again, it goes on with what is missing, and shows the pilot that is open.

    \b
    Example:
      wave pilot comment_classifier --keys 34
      wave pilot comment_classifier --version v2-1a2b3c4 --json | jq .changed
    """
    from waves.learn.pilot.pilot import PilotOptions
    from waves.learn.pilot.review import review_markdown
    from waves.surfaces.cli import output

    with progress.watching(wanted=not as_json) as watcher:
        found = _piloted(theme, PilotOptions(version, keys, backend, dry_run, name), watcher)
    report, review = found.report, found.review
    if review is not None and markdown is not None:
        options.write_report(markdown, review_markdown(review))
    if as_json:
        output.emit(_object(found))
    elif review is not None:
        _show(found, review)
    if report.fault is not None:
        faults.show(report.fault)
    elif not as_json and dry_run:
        click.echo(report.ending.reason)
    elif not as_json and (report.exit_code or review is None):
        click.echo(f"{report.ending.state.replace('_', ' ')}: {report.ending.reason}", err=True)
    ctx.exit(report.exit_code)


def _piloted(theme: str, order: PilotOptions, watcher: Watcher) -> Pilot:
    """What should not happen at all is in the report, too: whoever asked for JSON gets it."""
    from waves.config import project
    from waves.ids import new_run_id
    from waves.learn.pilot.pilot import Pilot, pilot
    from waves.models import Ending, FireReport
    from waves.surfaces.cli.faults import as_fault

    try:
        return pilot(project.load(), theme, order, watcher)
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a page
        fault = as_fault(error)
        return Pilot(FireReport(theme, new_run_id(), Ending("failed", fault.message), 0, fault=fault), order.version)


def _object(found: Pilot) -> dict[str, Any]:
    from waves.surfaces.cli import output

    report, review = found.report, found.review
    rows = review.rows if review else ()
    error = {"error": output.error_object(report.fault)} if report.fault else {}
    return {
        "theme": report.theme,
        "version": found.version,
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
        "cost_usd": found.cost_usd if review else report.cost_usd,
        "duration_ms": report.duration_ms,
        "snoozed_until": output.moment(report.ending.snoozed_until),
        "reason": report.ending.reason,
        "page": str(found.page) if found.page else None,
    } | error


def _show(found: Pilot, review: Review) -> None:
    from rich.table import Table
    from rich.text import Text

    from waves.learn import markdown as shown
    from waves.learn.pilot.review import in_short
    from waves.surfaces.cli import output

    console = output.console()
    table = Table(box=None, pad_edge=False)
    for name in ("row", "input", "old", "new", "confidence", "changed"):
        table.add_column(name, overflow="fold")
    for row in review.rows:
        table.add_row(
            Text(shown.readable(row.entity_key, 24)),
            Text(shown.readable(in_short(row.input), 80)),
            Text(shown.readable(shown.worded(row.old), 60)),
            Text(shown.readable(shown.worded(row.new), 60)),
            "" if row.confidence is None else f"{row.confidence:.2f}",
            "yes" if row.changed else "",
        )
    console.print(table)
    theme, cost = found.report.theme, found.cost_usd
    lines = [
        f"rubric {review.version}, pilot {review.wave_id}: {review.summary()}; {output.dollars(cost)}",
        f"review file: {found.page}",
    ]
    if not found.report.exit_code:
        compare = f"`wave compare {theme}`, then " if found.comparable else ""
        lines.append(
            f"next: {compare}`wave approve {theme} --by NAME` merges it, "
            f"or `wave abandon {theme} --by NAME` gives it up"
        )
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
