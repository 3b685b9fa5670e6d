"""`wave db`: the project's database by hand."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.psql import psql


@click.group("db")
def command() -> None:
    """Work on the project's database by hand.

    \b
    Example:
      wave db psql -c "SELECT count(*) FROM waves.verdict"
    """


@command.command("psql", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql_shell(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Run psql on the project's database; all arguments go to psql. The embedded server runs as long as psql does."""
    ctx.exit(psql(project.load(), arguments))
