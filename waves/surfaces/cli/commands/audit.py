"""`wave audit`: the changes of a theme, from first to last."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from waves.store.tables.audit import AuditEntry

_AGO = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """An ISO date or moment, in UTC unless it names its offset; or how long ago: `24h`, `7d`."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401 - click's signature
        try:
            if (ago := _AGO.fullmatch(value)) is not None:
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            at = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no moment: write 2026-11-20, 2026-11-20T23:00Z, 24h or 7d", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command("audit")
@click.argument("theme")
@click.option("--entity", help="A row's key (a composite one as a JSON array), a rubric version, a wave, a limit.")
@click.option("--run", "run_id", help="What this run changed.")
@click.option("--since", type=Moment(), help="A date or moment in UTC, or how long ago: 24h, 7d.")
@click.option("--actor", help="Who did it; `waves` is what no person asked for.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="So many, the newest ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
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
    """Tell what changed in THEME, from first to last: rows of the target, verdicts, waves, versions, limits. Read-only.

    \b
    Example:
      wave audit comment_classifier --entity 17
      wave audit comment_classifier --since 24h --actor ana --json
    """
    from waves.config import project
    from waves.steps.reports.audit import audit_report
    from waves.surfaces.cli import output

    found = audit_report(project.load(), theme, limit, entity=entity, run_id=run_id, actor=actor, since=since)
    earlier = found[0].fitting - len(found) if found else 0
    if as_json:
        output.emit({"theme": theme, "entries": [_object(entry) for entry in found], "more": earlier > 0})
        return
    if earlier:
        click.echo(f"{earlier:,} earlier entries are not shown; --limit shows more")
    for entry in found:
        click.echo(_line(entry))
    if not found:
        click.echo("nothing in the audit log fits")


def _object(entry: AuditEntry) -> dict[str, Any]:
    from waves.surfaces.cli.output import exact_moment

    keys = ("run_id", "actor", "entity", "before", "after", "reason")
    return {"at": exact_moment(entry.at)} | {key: getattr(entry, key) for key in keys}


def _line(entry: AuditEntry) -> str:
    """`2026-11-20 23:00:03Z  ana  17  state: "quarantined" → "failed"  mended`"""
    from waves.surfaces.cli.output import harmless

    what = (entry.actor, entry.entity or "", _change(entry.before, entry.after), entry.reason or "")
    told = [f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}", *map(harmless, what)]
    return "  ".join(word for word in told if word)


def _change(before: Any, after: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """Each field that differs, as `name: old → new`; of a new thing only what it is."""
    old, new = (value if isinstance(value, dict) else {} for value in (before, after))
    return ", ".join(
        f"{name}: {_text(old[name])} → {_text(new.get(name))}" if name in old else f"{name}: {_text(new[name])}"
        for name in dict.fromkeys([*old, *new])
        if name not in old or old[name] != new.get(name)
    )


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return json.dumps(value, ensure_ascii=False)
