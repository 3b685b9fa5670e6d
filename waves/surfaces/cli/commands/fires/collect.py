"""`wave collect`: merge the open wave into the database."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.by_hand import collect_wave
from waves.steps.session.session import Invocation
from waves.surfaces.cli import output
from waves.surfaces.cli.options import Person


@click.command("collect")
@click.argument("theme")
@click.option("--partial", is_flag=True, help="Give missing items back to the gap, and merge the rest.")
@click.option("--accept-orphans", is_flag=True, help="Merge a held wave; its orphans go to history only.")
@click.option("--accept-given-up", is_flag=True, help="Give up the rows for which a wave is held, and merge the rest.")
@click.option("--by", type=Person(), help="Who decides; required with --accept-…, recorded in the audit log.")
@click.pass_context
def command(
    ctx: click.Context, theme: str, *, partial: bool, accept_orphans: bool, accept_given_up: bool, by: str | None
) -> None:
    """Merge the open wave of THEME into the database, in one transaction, and print the counts line.

    The wave must have converged: no item is missing.

    \b
    Example:
      wave collect comment_classifier
    """
    if (accept_orphans or accept_given_up) != bool(by):
        raise click.UsageError("--accept-orphans or --accept-given-up, and --by NAME go together.")
    if partial and accept_given_up:
        raise click.UsageError("--partial gives missing items back to the gap, --accept-given-up takes them out of it.")
    report = collect_wave(
        Invocation(project.load(), theme, {}),
        partial=partial,
        accept_orphans_by=by if accept_orphans else None,
        give_up_by=by if accept_given_up else None,
    )
    output.show_given_up(report)
    if report.ending.state == "collected":
        click.echo(report.counts.line())
    else:
        click.echo(f"wave: {report.ending.reason}", err=True)
    ctx.exit(report.exit_code)
