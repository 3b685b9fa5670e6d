"""`wave prune`: remove closed waves from disk."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.prune import prune
from waves.steps.session.session import Invocation
from waves.surfaces.cli import output
from waves.surfaces.cli.options import dry_run_option, json_option
from waves.words import counted


@click.command("prune")
@click.argument("theme")
@click.option(
    "--keep-days",
    type=click.IntRange(min=0),
    metavar="N",
    help="Closed more than N days ago; default: the limit keep_days.",
)
@dry_run_option
@json_option
def command(theme: str, *, keep_days: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove waves of THEME from disk that the database closed more than `keep_days` days ago.

    \b
    Example:
      wave prune comment_classifier --keep-days 7
    """
    removed = prune(Invocation(project.load(), theme, {"keep_days": keep_days}), dry_run=dry_run)
    if as_json:
        output.emit({"theme": theme, "waves": removed, "dry_run": dry_run})
    elif dry_run:
        click.echo(f"would remove {counted(len(removed), 'wave')}" + "".join(f"\n  {wave_id}" for wave_id in removed))
    elif output.on_terminal():
        click.echo(f"removed {counted(len(removed), 'wave')}", err=True)
