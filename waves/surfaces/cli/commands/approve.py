"""`wave approve`: open the gate for a rubric version, and merge its pilot."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli.options import Person
from waves.words import counted

if TYPE_CHECKING:
    from waves.steps.rubrics.approval import Approval, PilotMerge


@click.command("approve")
@click.argument("theme")
@click.option("--by", "name", type=Person(), required=True, help="Who approves; stands in the audit log.")
@click.option("--version", help="The version; default: that of the open pilot, else the active one.")
@click.option("--max-rows", type=click.IntRange(1, 1_000_000_000), help="So many rows at most; default: no limit.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    name: str,
    version: str | None,
    max_rows: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Let a rubric version of THEME touch more rows than the few that nobody has to approve.

    An approval is for the columns that the theme judges now. A complete pilot of the version is merged: into the target
    where the version is active, else into history alone, from where activation restores it without a request.

    \b
    Example:
      wave approve comment_classifier --by ana --reason "pilot looked right"
    """
    from waves.config import project
    from waves.models import EXIT_CODE
    from waves.steps.rubrics.approval import approve
    from waves.surfaces.cli import output

    approval = approve(project.load(), theme, by=name, version=version, max_rows=max_rows, reason=reason)
    pilot = approval.pilot
    if as_json:
        output.emit(_object(theme, name, approval))
    else:
        limit = f"for {counted(max_rows, 'row')}" if max_rows else "without a limit"
        click.echo(f"rubric {approval.version} of theme {theme} is approved {limit}")
        if pilot is not None:
            click.echo(_line(pilot))
    ctx.exit(EXIT_CODE[pilot.ending.state] if pilot is not None and pilot.ending.state == "held" else 0)


def _object(theme: str, by: str, approval: Approval) -> dict[str, Any]:
    pilot = approval.pilot
    return {
        "theme": theme,
        "version": approval.version,
        "by": by,
        "max_rows": approval.max_rows,
        "input_columns": list(approval.input_columns),
        "pilot": {
            "wave_id": pilot.wave_id,
            "state": pilot.ending.state,
            "into": pilot.into,
            "counts": asdict(pilot.counts) if pilot.counts else None,
            "reason": pilot.ending.reason,
        }
        if pilot
        else None,
    }


def _line(pilot: PilotMerge) -> str:
    where = {"target": "merged into the target", "history": "merged into history, where activation finds it"}
    if pilot.into is None or pilot.counts is None:
        return f"pilot {pilot.wave_id} is not merged: {pilot.ending.reason}"
    return f"pilot {pilot.wave_id}: {pilot.counts.line()}; {where[pilot.into]}"
