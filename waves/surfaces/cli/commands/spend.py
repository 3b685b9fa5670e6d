"""`wave spend`: requests, tokens and money."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from waves.store.tables.spend import By, Line

_BY = ("day", "theme", "model", "backend")


@click.command("spend")
@click.argument("theme", required=False)
@click.option("--by", type=click.Choice(_BY), default="day", show_default=True, help="What each line adds up.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day, in UTC; default: the very first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(theme: str | None, *, by: By, since: datetime | None, as_json: bool) -> None:
    """Tokens and US dollars of THEME, or of all themes, from the ledger. Read-only.

    What was maybe paid (no answer came) stands apart, at the most that it can have cost. Unknown is `?`, in JSON null.

    \b
    Example:
      wave spend comment_classifier --by model --since 2026-11-01
      wave spend --json | jq .total.cost_usd
    """
    from waves.config import project
    from waves.steps.reports.spend import spend_report
    from waves.surfaces.cli import output

    first = since.date() if since else None
    *lines, total = spend_report(project.load(), theme, by, first)
    if as_json:
        known = {"theme": theme, "by": by, "since": first.isoformat() if first else None}
        output.emit(known | {"rows": [_object(line) | {"name": line.name} for line in lines], "total": _object(total)})
    else:
        _show(by, lines, total)


def _object(line: Line) -> dict[str, Any]:
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


def _show(by: str, lines: list[Line], total: Line) -> None:
    from rich.table import Table

    from waves.surfaces.cli import output

    console = output.console()
    table = Table(box=None, pad_edge=False)
    table.add_column(by)
    for name in ("requests", "paid", "input", "output", "cache write", "of it 1 h", "cache read", "cost", "maybe paid"):
        table.add_column(name, justify="right")
    for line in [*lines, total]:
        table.add_row(
            line.name or "all",
            f"{line.requests:,}",
            f"{line.paid:,}",
            _count(line.input_tokens),
            _count(line.output_tokens),
            _count(line.cache_write_tokens),
            _count(line.cache_write_1h_tokens),
            _count(line.cache_read_tokens),
            output.dollars(line.cost_usd),
            output.dollars(line.maybe_paid_usd) if line.maybe_paid else "",
        )
    console.print(table)
    for note in _notes(total):
        console.print(note, soft_wrap=True, markup=False)


def _notes(total: Line) -> list[str]:
    notes = []
    if total.unpriced:
        notes.append(
            f"{total.unpriced:,} answers have no price: the provider did not count their tokens, or nobody knows the "
            "price of their model; `prices` of the backend in waves.yaml gives one"
        )
    if total.price_tables:
        notes.append(f"prices: {', '.join(total.price_tables)}")
    return notes


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
