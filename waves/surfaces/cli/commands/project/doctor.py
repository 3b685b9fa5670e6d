"""`wave doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.doctor import examine
from waves.surfaces.cli import output
from waves.surfaces.cli.options import json_option

MARKS = {"ok": "ok     ", "warning": "warning", "broken": "BROKEN "}


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check disk, backends, database, migrations and every theme, and suggest fixes.

    The exit code is that of the first thing that is broken. Warnings do not count.

    \b
    Example:
      wave doctor
    """
    checks = list(examine(project.load()))
    if as_json:
        rows = [{"level": check.level, "what": check.what, "remedy": check.remedy} for check in checks]
        output.emit({"findings": rows})
    else:
        for check in checks:
            click.echo(f"{MARKS[check.level]}  {check.what}")
            if check.remedy:
                click.echo(f"         {check.remedy}")
    broken = [check.fault for check in checks if check.fault is not None]
    ctx.exit(broken[0].exit_code if broken else 0)
