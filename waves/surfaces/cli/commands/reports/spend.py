"""`wave spend`: requests, tokens and US dollars."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from waves.config import project
from waves.steps.reports.spend import report
from waves.store.tables.spend import GroupBy, SpendLine
from waves.surfaces.cli import output
from waves.surfaces.cli.options import json_option

_BY = ("day", "theme", "model", "backend")
_FIGURES = ("requests", "paid", "input", "output", "cache write", "of it 1 h", "cache read", "cost", "maybe paid")


@click.command("spend")
@click.argument("theme", required=False)
@click.option("--by", type=click.Choice(_BY), default="day", show_default=True, help="What each line sums up.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The first day, e.g. 2026-11-01, in UTC; default: everything.",
)
@json_option
def command(theme: str | None, *, by: GroupBy, since: datetime | None, as_json: bool) -> None:
    """Show the requests, tokens and US dollars of THEME, or of all themes, from the ledger. Read-only.

    Requests whose answer never came were maybe paid. They have a column of their own, with the most that they can have
    cost. An unknown amount is shown as `?`, in JSON as null.

    \b
    Example:
      wave spend comment_classifier --by model --since 2026-11-01
      wave spend --json | jq .total.cost_usd
    """
    first = since.date() if since else None
    *lines, total = report(project.load(), theme, by, first)
    if as_json:
        known = {"theme": theme, "by": by, "since": first.isoformat() if first else None}
        output.emit(known | {"rows": [_object(line) | {"name": line.name} for line in lines], "total": _object(total)})
    else:
        _show(by, lines, total)


def _object(line: SpendLine) -> dict[str, Any]:
    return {
        "requests": {"sent": line.requests, "paid": line.paid, "maybe_paid": line.maybe_paid},
        "tokens": {
            "input": line.input_tokens,
            "output": line.output_tokens,
            "cache_write": line.cache_write_tokens,
            "cache_write_1h": line.cache_write_1h_tokens,
            "cache_read": line.cache_read_tokens,
        },
        "cost_usd": line.cost_usd,
        "unpriced_requests": line.unpriced,
        "maybe_paid_usd": line.maybe_paid_usd,
        "price_tables": line.price_tables,
    }


def _show(by: str, lines: list[SpendLine], total: SpendLine) -> None:
    output.table((by, *_FIGURES), map(_row, [*lines, total]), right=_FIGURES)
    for note in _notes(total):
        click.echo(output.harmless(note))


def _row(line: SpendLine) -> tuple[str, ...]:
    return (
        line.name or "all",
        f"{line.requests:,}",
        f"{line.paid:,}",
        output.count(line.input_tokens),
        output.count(line.output_tokens),
        output.count(line.cache_write_tokens),
        output.count(line.cache_write_1h_tokens),
        output.count(line.cache_read_tokens),
        output.dollars(line.cost_usd),
        output.dollars(line.maybe_paid_usd) if line.maybe_paid else "",
    )


def _notes(total: SpendLine) -> list[str]:
    notes = []
    if total.unpriced:
        notes.append(
            f"{total.unpriced:,} answers have no price: the provider did not count their tokens, or the price of their "
            "model is unknown; set `prices` of the backend in waves.yaml"
        )
    if total.price_tables:
        notes.append(f"prices: {', '.join(total.price_tables)}")
    return notes
