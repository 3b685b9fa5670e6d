"""`wave approve`: open the gate for a rubric version, and merge its pilot."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from waves.config import project
from waves.fire_report import EXIT_CODE
from waves.steps.rubrics.approval import Approval, PilotMerge, approve
from waves.surfaces.cli import output
from waves.surfaces.cli.options import by_required, json_option, reason_option
from waves.words import counted


@click.command("approve")
@click.argument("theme")
@by_required
@click.option("--version", metavar="VERSION", help="Default: the version of the open pilot, else the active version.")
@click.option(
    "--max-rows", type=click.IntRange(1, 1_000_000_000), metavar="N", help="Approve it for N rows; default: no limit."
)
@reason_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    by: str,
    version: str | None,
    max_rows: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Open the gate: let a rubric version of THEME judge more rows than the few that need no approval.

    The approval holds for the input columns that the theme has now. A complete pilot of the version is merged: into the
    target if the version is active, else into history only, from where activation restores it without a request.

    \b
    Example:
      wave approve comment_classifier --by ana --reason "pilot looked right"
    """
    approval = approve(project.load(), theme, by=by, version=version, max_rows=max_rows, reason=reason)
    pilot = approval.pilot
    if as_json:
        output.emit(_object(theme, by, approval))
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
    destination = {
        "target": "merged into the target",
        "history": "merged into history, from where activation restores it",
    }
    if pilot.into is None or pilot.counts is None:
        return f"pilot {pilot.wave_id} is not merged: {pilot.ending.reason}"
    return f"pilot {pilot.wave_id}: {pilot.counts.line()}; {destination[pilot.into]}"
