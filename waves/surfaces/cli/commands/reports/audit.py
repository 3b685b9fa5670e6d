"""`wave audit`: what changed in a theme, the oldest change first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from waves import exact_json
from waves.config import project
from waves.steps.reports.audit import audit_report
from waves.store.tables.audit import AuditEntry
from waves.surfaces.cli import output
from waves.surfaces.cli.options import json_option

_AGO = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """An ISO date or time, in UTC unless it has an offset; or how long ago: `24h`, `7d`."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 - click's signature
        try:
            if (ago := _AGO.fullmatch(value)) is not None:
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            at = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date or time: write 2026-11-20, 2026-11-20T23:00Z, 24h or 7d", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command("audit")
@click.argument("theme")
@click.option(
    "--entity",
    metavar="ID",
    help="Show changes of this row (a composite key as a JSON array), rubric version, wave or limit.",
)
@click.option("--run", "run_id", metavar="ID", help="Show changes of this run.")
@click.option(
    "--since", type=Moment(), help="Show changes since a date or time in UTC, or since how long ago: 24h, 7d."
)
@click.option(
    "--actor", metavar="NAME", help="Show changes by this person; `waves` made those that no person asked for."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    metavar="N",
    show_default=True,
    help="Show the newest N changes.",
)
@json_option
def command(
    theme: str,
    *,
    entity: str | None,
    run_id: str | None,
    since: datetime | None,
    actor: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what changed in THEME, the oldest change first. Read-only.

    Changes are those of rows in the target, verdicts, waves, rubric versions and limits, each with who, when and why.

    \b
    Example:
      wave audit comment_classifier --entity 17
      wave audit comment_classifier --since 24h --actor ana --json
    """
    entries = audit_report(project.load(), theme, limit, entity=entity, run_id=run_id, actor=actor, since=since)
    earlier = entries[0].fitting - len(entries) if entries else 0
    if as_json:
        output.emit({"theme": theme, "entries": [_object(entry) for entry in entries], "more": earlier > 0})
        return
    if earlier:
        click.echo(f"{earlier:,} earlier entries are not shown; --limit shows more")
    for entry in entries:
        click.echo(_line(entry))
    if not entries:
        click.echo("no entry of the audit log matches")


def _object(entry: AuditEntry) -> dict[str, Any]:
    keys = ("run_id", "actor", "entity", "before", "after", "reason")
    return {"at": output.exact_moment(entry.at)} | {key: getattr(entry, key) for key in keys}


def _line(entry: AuditEntry) -> str:
    """`2026-11-20 23:00:03Z  ana  17  state: "quarantined" → "failed"  fixed`"""
    texts = (entry.actor, entry.entity or "", _change(entry.before, entry.after), entry.reason or "")
    cells = [f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}", *map(output.harmless, texts)]
    return "  ".join(cell for cell in cells if cell)


def _change(before: Any, after: Any) -> str:  # noqa: ANN401 - any JSON value
    """Each field that differs, as `name: old → new`; a new field as `name: new`."""
    old, new = (value if isinstance(value, dict) else {} for value in (before, after))
    return ", ".join(
        f"{name}: {_text(old[name])} → {_text(new.get(name))}" if name in old else f"{name}: {_text(new[name])}"
        for name in dict.fromkeys([*old, *new])
        if name not in old or old[name] != new.get(name)
    )


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return exact_json.dumps(value)
