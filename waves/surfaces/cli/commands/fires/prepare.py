"""`wave prepare`: open a wave from the gap."""

from __future__ import annotations

import click

from waves import fire
from waves.config import project
from waves.steps.operator.by_hand import prepare_wave
from waves.steps.session.session import Invocation


@click.command("prepare")
@click.argument("theme")
@click.option("--keys", type=click.IntRange(min=1), metavar="N", help="Take at most N items.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be taken and what it would cost. Only a run row is written."
)
@click.pass_context
def command(ctx: click.Context, theme: str, *, keys: int | None, dry_run: bool) -> None:
    """Open a wave: take a bounded set of items from the gap of THEME, and write the batch files.

    If a wave is open already, its batch files are written again from its missing items.

    \b
    Example:
      wave prepare comment_classifier --keys 700
    """
    if dry_run:
        report = fire.fire(project.load(), theme, fire.FireOptions(keys=keys, dry_run=True))
        if report.fault is not None:
            raise report.fault
        click.echo(report.ending.reason)
        ctx.exit(report.exit_code)
    report, batches = prepare_wave(Invocation(project.load(), theme, {"keys": keys}))
    if report.ending.state == "prepared":
        click.echo(f"WAVE: PREPARED {report.wave_id} {report.counts.missing} keys {batches} batches")
    elif report.ending.state == "complete":
        click.echo("WAVE: COMPLETE")
    else:
        click.echo(f"wave: {report.ending.reason}", err=True)
    ctx.exit(report.exit_code)
