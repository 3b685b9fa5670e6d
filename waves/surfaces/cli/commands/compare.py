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
@click.option("--old", help="A version; default: the active one.")
@click.option("--new", help="A version; default: that of the open pilot, else of the newest rubric file.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows at most; default: all that both have judged.")
@click.option("--markdown", type=ReportFile(), help="A file to hand to someone.")
@json_option
def command(
    theme: str, *, old: str | None, new: str | None, limit: int | None, markdown: Path | None, as_json: bool
) -> None:
    """What two rubric versions of THEME say about the rows that both have judged, and where they differ. Asks no model.

    \b
    Example:
      wave compare comment_classifier
      wave compare comment_classifier --old v1-ec2fc8d --new v2-1a2b3c4 --json | jq .exact_agreement
    """
    found = compare(project.load(), theme, old=old, new=new, limit=limit)
    if markdown is not None:
        write_report(markdown, page.page(found))
    if as_json:
        output.emit({"theme": theme} | _object(found))
    else:
        _show(found)


def _object(found: Comparison) -> dict[str, Any]:
    agreement = found.agreement
    return {
        "comparison_id": found.comparison_id,
        "old": found.old,
        "new": found.new,
        "pilot": found.pilot,
        "compared": agreement.compared,
        "flips": agreement.flips,
        "exact_agreement": agreement.exact,
        "kappa": agreement.kappa(),
        "labels": [asdict(one) for one in agreement.by_label()],
        "fields": [asdict(one) for one in agreement.by_field()],
        "groups": [_group(found, group) for group in found.groups],
        "more_groups": found.more_groups,
    }


def _group(found: Comparison, group: Group) -> dict[str, Any]:
    examples = [
        {
            "entity_key": pair.entity_key,
            "input": found.inputs.get((pair.entity_key, pair.input_hash)),
            "old": pair.old,
            "new": pair.new,
        }
        for pair in group.examples
    ]
    return {"old": group.old, "new": group.new, "field": group.field, "count": group.count, "examples": examples}


def _show(found: Comparison) -> None:
    click.echo(page.summary(found))
    for table in page.tables(found):
        click.echo()
        output.table(table.head, table.rows, fold=True)
    if found.more_groups:
        click.echo(f"and {found.more_groups:,} more kinds of flips")
