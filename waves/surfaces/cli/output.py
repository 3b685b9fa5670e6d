"""How the command line prints: JSON or a table on stdout, short messages on stderr, nothing under cron."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from waves import exact_json
from waves.errors import WaveError
from waves.fire_report import FireReport

WIDE = 200
"""Columns if there is no terminal: in a pipe or a mail nothing is cut."""


def emit(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout, and nothing else."""
    click.echo(exact_json.dumps(value))


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC, with the zone, to the second."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


def dollars(usd: float | None) -> str:
    """To the hundredth of a cent: a wave of short texts costs less than one. `?` if it is unknown."""
    return "?" if usd is None else f"${usd:,.4f}"


def count(number: int | None) -> str:
    """`12,345`; `?` if it is unknown."""
    return "?" if number is None else f"{number:,}"


def exact_moment(value: datetime) -> str:
    """Like `moment`, to the microsecond, for entries whose order matters."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def harmless(text: str, keep: str = "") -> str:
    """Text from a row, a file or a model, made safe for a terminal: a character that is not printable, such as the
    start of an escape sequence, becomes a visible escape, unless it is in `keep`."""
    return "".join(char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text)


def error_object(fault: WaveError) -> dict[str, str]:
    return {"code": fault.code, "message": fault.message, "hint": fault.hint}


def fire_object(report: FireReport) -> dict[str, Any]:
    """`wave fire --json`, as docs/design.md fixes it."""
    counts, tokens = report.counts, report.tokens
    fire: dict[str, Any] = {
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
        "given_up": [asdict(each) for each in report.given_up],
    }
    if report.fault is not None:
        fire["error"] = error_object(report.fault)
    return fire


def table(
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Container[str] = (),
    fold: bool = False,
    title: str | None = None,
) -> None:
    """A table on stdout. The columns in `right` are aligned to the right. A cell is plain text: nothing in it is
    markup. With `fold` a long cell takes several lines; otherwise it is cut."""
    from rich.console import Console  # importing rich is a tenth of the start-up time: only a table pays for it
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


def show_ending(report: FireReport) -> None:
    """How a fire ended, on stderr. Without a terminal, under cron, only what needs a person is printed."""
    show_given_up(report)
    ending = report.ending
    if report.fault is not None:
        return
    if report.exit_code in {0, 75} and not on_terminal() and not ending.attention:
        return
    if ending.state == "complete" and ending.reason is None:
        click.echo("nothing is missing: the gap is empty", err=True)
    else:
        click.echo(f"{ending.state.replace('_', ' ')}{': ' + ending.reason if ending.reason else ''}", err=True)


def show_given_up(report: FireReport) -> None:
    """The line about rows that a command gave up, on stderr; nothing if there are none."""
    if (given_up := report.given_up_line()) is not None:
        retry = f"`wave retry {report.theme} --all --by NAME` gives them back to the gap"
        click.echo(harmless(f"{report.theme}: {given_up}; {retry}"), err=True)
