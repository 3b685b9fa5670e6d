"""`wave doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import click

MARKS = {"ok": "ok     ", "warning": "warning", "broken": "BROKEN "}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check disk, backends, database, migrations and every theme. Exits with the code of the first broken thing.

    \b
    Example:
      wave doctor
    """
    from waves.config import project
    from waves.steps.operator.doctor import diagnose
    from waves.surfaces.cli import output

    findings = list(diagnose(project.load()))
    if as_json:
        rows = [{"level": one.level, "what": one.what, "remedy": one.remedy} for one in findings]
        output.emit({"findings": rows})
    else:
        for one in findings:
            click.echo(f"{MARKS[one.level]}  {one.what}")
            if one.remedy:
                click.echo(f"         {one.remedy}")
    broken = [one.fault for one in findings if one.fault is not None]
    ctx.exit(broken[0].exit_code if broken else 0)
