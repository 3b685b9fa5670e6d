"""How the command line speaks: JSON on stdout, lines for people, a progress bar on a terminal, silence for cron."""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from waves.errors import WaveError
from waves.models import FireReport

WIDE = 200
"""Columns where no terminal says how many there are: nothing is cut in a pipe or a mail."""


def emit(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout, and nothing else."""
    click.echo(json.dumps(value, ensure_ascii=False))


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with the zone, to the second."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


def dollars(usd: float | None) -> str:
    """To the hundredth of a cent: a wave of short texts costs less than a cent. `?` where nobody knows."""
    return "?" if usd is None else f"${usd:,.4f}"


def count(number: int | None) -> str:
    """`12,345`; `?` where it is unknown."""
    return "?" if number is None else f"{number:,}"


def exact_moment(value: datetime) -> str:
    """As `moment`, to the microsecond: for what is read in order."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def harmless(text: str, keep: str = "") -> str:
    """Text from a row, a file or a model, for a terminal: what is not to be printed, such as the start of an escape
    sequence, becomes a visible escape, but for the characters of `keep`."""
    return "".join(char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text)


def error_object(fault: WaveError) -> dict[str, str]:
    return {"code": fault.code, "message": fault.message, "hint": fault.hint}


def fire_object(report: FireReport) -> dict[str, Any]:
    """`wave fire --json`, as docs/design.md fixes it."""
    counts, tokens = report.counts, report.tokens
    found: dict[str, Any] = {
        "theme": report.theme,
        "run_id": report.run_id,
        "wave_id": report.wave_id,
        "state": report.ending.state,
        "rubric_version": report.rubric_version,
        "counts": {
            name: getattr(counts, name)
            for name in ("emitted", "parts", "entries", "matched", "orphaned", "released", "quarantined", "missing")
        },
        "llm_calls": report.llm_calls,
        "tokens": {name: getattr(tokens, name) for name in ("input", "output", "cache_write", "cache_read")},
        "cost_usd": report.cost_usd,
        "duration_ms": report.duration_ms,
        "snoozed_until": moment(report.ending.snoozed_until),
        "reason": report.ending.reason,
    }
    if report.fault is not None:
        found["error"] = error_object(report.fault)
    return found


def table(
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Container[str] = (),
    fold: bool = False,
    title: str | None = None,
) -> None:
    """A table on stdout: a heading for each column, the columns of numbers in `right` aligned. A cell is plain text:
    nothing in it is markup. `fold`: a long cell takes several lines, where it is cut otherwise."""
    from rich.console import Console  # rich is a fifth of what a command costs to start: only a table pays for it
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, title=Text(title) if title else None, title_justify="left", title_style="")
    for name in names:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold" if fold else "ellipsis")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDE).print(drawn)


def on_terminal() -> bool:
    return sys.stderr.isatty()


def tell(report: FireReport) -> None:
    """What a person wants to read at the end of a fire; for cron only what needs a person."""
    ending = report.ending
    if report.fault is not None:
        return
    troubled = ending.state == "complete" and ending.reason is not None  # the theme's own command failed
    if report.exit_code in {0, 75} and not on_terminal() and not troubled:
        return
    if ending.state == "complete" and not troubled:
        click.echo("nothing is missing: the gap is empty", err=True)
    else:
        click.echo(f"{ending.state.replace('_', ' ')}{': ' + ending.reason if ending.reason else ''}", err=True)
