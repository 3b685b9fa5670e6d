"""What `wave pilot` shows a person: the rows with their old and new verdicts, and what to do next."""

from __future__ import annotations

import click

from waves.learn import markdown
from waves.learn.pilot.pilot import Pilot
from waves.learn.pilot.review import Review, Row, in_short
from waves.surfaces.cli import output

_COLUMNS = ("row", "input", "old", "new", "confidence", "changed")


def show_pilot(pilot: Pilot, review: Review) -> None:
    output.table(_COLUMNS, map(_row, review.rows), fold=True)
    theme = pilot.report.theme
    click.echo(f"rubric {review.version}, pilot {review.wave_id}: {review.summary()}; {output.dollars(pilot.cost_usd)}")
    click.echo(f"review file: {pilot.page}")
    if not pilot.report.exit_code:
        compare = f"`wave compare {theme}`, then " if pilot.comparable else ""
        click.echo(
            f"next: {compare}`wave approve {theme} --by NAME` merges it, "
            f"or `wave abandon {theme} --by NAME` gives it up"
        )


def _row(row: Row) -> tuple[str, ...]:
    return (
        markdown.readable(row.entity_key, 24),
        markdown.readable(in_short(row.input), 80),
        markdown.readable(markdown.verdict_text(row.old), 60),
        markdown.readable(markdown.verdict_text(row.new), 60),
        "" if row.confidence is None else f"{row.confidence:.2f}",
        "yes" if row.changed else "",
    )
