"""`wave compare`: two rubric versions on the same rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli import options
from waves.surfaces.cli.options import ReportFile

if TYPE_CHECKING:
    from pathlib import Path

    from waves.learn.comparison.agreement import Group
    from waves.learn.comparison.compare import Comparison


@click.command("compare")
@click.argument("theme")
@click.option("--old", help="A version; default: the active one.")
@click.option("--new", help="A version; default: that of the open pilot, else of the newest rubric file.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows at most; default: all that both have judged.")
@click.option("--markdown", type=ReportFile(), help="A file to hand to someone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    theme: str, *, old: str | None, new: str | None, limit: int | None, markdown: Path | None, as_json: bool
) -> None:
    """What two rubric versions of THEME say about the rows that both have judged, and where they differ. Asks no model.

    \b
    Example:
      wave compare comment_classifier
      wave compare comment_classifier --old v1-ec2fc8d --new v2-1a2b3c4 --json | jq .exact_agreement
    """
    from waves.config import project
    from waves.learn.comparison.compare import compare
    from waves.learn.comparison.page import comparison_markdown
    from waves.surfaces.cli import output

    found = compare(project.load(), theme, old=old, new=new, limit=limit)
    if markdown is not None:
        options.write_report(markdown, comparison_markdown(found))
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
    from rich.table import Table
    from rich.text import Text

    from waves.learn.comparison import page as comparison_page
    from waves.surfaces.cli import output

    console = output.console()
    console.print(comparison_page.summary(found), soft_wrap=True, markup=False)
    for one in comparison_page.tables(found):
        table = Table(box=None, pad_edge=False)
        for name in one.head:
            table.add_column(name, overflow="fold")
        for row in one.rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print()
        console.print(table)
    if found.more_groups:
        console.print(f"and {found.more_groups:,} more kinds of flips", soft_wrap=True, markup=False)
