"""`wave compare`: two rubric versions on the same rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from waves.config import project
from waves.learn.comparison import page
from waves.learn.comparison.agreement import Group
from waves.learn.comparison.compare import Comparison, compare
from waves.surfaces.cli import output
from waves.surfaces.cli.options import ReportFile, json_option, write_report


@click.command("compare")
@click.argument("theme")
@click.option("--old", metavar="VERSION", help="Default: the active version.")
@click.option("--new", metavar="VERSION", help="Default: the version of the open pilot, else the newest rubric file.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compare at most N rows; default: all that both versions have judged.",
)
@click.option("--markdown", type=ReportFile(), help="Also write the comparison to this file.")
@json_option
def command(
    theme: str, *, old: str | None, new: str | None, limit: int | None, markdown: Path | None, as_json: bool
) -> None:
    """Compare what two rubric versions of THEME say about the rows that both have judged. Asks no model.

    \b
    Example:
      wave compare comment_classifier
      wave compare comment_classifier --old v1-ec2fc8d --new v2-1a2b3c4 --json | jq .exact_agreement
    """
    comparison = compare(project.load(), theme, old=old, new=new, limit=limit)
    if markdown is not None:
        write_report(markdown, page.comparison_markdown(comparison))
    if as_json:
        output.emit({"theme": theme} | _object(comparison))
    else:
        _show(comparison)


def _object(comparison: Comparison) -> dict[str, Any]:
    agreement = comparison.agreement
    return {
        "comparison_id": comparison.comparison_id,
        "old": comparison.old,
        "new": comparison.new,
        "pilot": comparison.pilot,
        "compared": agreement.compared,
        "flips": agreement.flips,
        "exact_agreement": agreement.exact,
        "kappa": agreement.kappa(),
        "labels": [asdict(label) for label in agreement.by_label()],
        "fields": [asdict(field) for field in agreement.by_field()],
        "groups": [_group(comparison, group) for group in comparison.groups],
        "more_groups": comparison.more_groups,
    }


def _group(comparison: Comparison, group: Group) -> dict[str, Any]:
    examples = [
        {
            "entity_key": pair.entity_key,
            "input": comparison.inputs.get((pair.entity_key, pair.input_hash)),
            "old": pair.old,
            "new": pair.new,
        }
        for pair in group.examples
    ]
    return {"old": group.old, "new": group.new, "field": group.field, "count": group.count, "examples": examples}


def _show(comparison: Comparison) -> None:
    click.echo(page.summary(comparison))
    for table in page.tables(comparison):
        click.echo()
        output.table(table.head, table.rows, fold=True)
    if comparison.more_groups:
        click.echo(f"and {comparison.more_groups:,} more kinds of flips")
