"""`wave rubrics`: the versions of a theme's rubric."""

from __future__ import annotations

import click


@click.group("rubrics")
def command() -> None:
    """List the rubric versions of a theme, or put one in force.

    \b
    Example:
      wave rubrics list comment_classifier
      wave rubrics activate comment_classifier v2-1a2b3c4 --by ana
    """


@command.command("list", short_help="All versions of a theme, and which is in force.")
@click.argument("theme")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_versions(theme: str, *, as_json: bool) -> None:
    """All versions of THEME: those that were used, and files that wait for activation.

    \b
    Example:
      wave rubrics list comment_classifier
    """
    from waves import project
    from waves.steps.govern import versions
    from waves.surfaces.cli import output

    found = versions(project.load(), theme)
    if as_json:
        keys = ("version", "active", "approved_by", "approved_rows")
        rows = [
            {key: getattr(one, key) for key in keys} | {"registered": output.moment(one.registered)} for one in found
        ]
        output.emit({"theme": theme, "versions": rows})
        return
    for one in found:
        state = "active" if one.active else "registered" if one.registered else "file only"
        gate = f"approved by {one.approved_by}" if one.approved_by else "not approved"
        click.echo(f"{one.version}  {state:<10}  {gate}")


@command.command("activate", short_help="Put a version in force; rows it has judged are restored.")
@click.argument("theme")
@click.argument("version", required=False)
@click.option("--by", "name", default="operator", show_default=True, help="Who decides; stands in the audit log.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
def activate_version(theme: str, version: str | None, *, name: str, reason: str) -> None:
    """Put VERSION of THEME in force; default: that of the newest rubric file. Rows it has judged are restored free.

    \b
    Example:
      wave rubrics activate comment_classifier v2-1a2b3c4 --by ana
    """
    from waves import project
    from waves.steps.govern import activate

    click.echo(f"rubric {activate(project.load(), theme, version, by=name, reason=reason)} of theme {theme} is active")


@command.command("rollback", short_help="Put the version back in force that was so before.")
@click.argument("theme")
@click.option("--by", "name", default="operator", show_default=True, help="Who decides; stands in the audit log.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
def roll_back(theme: str, *, name: str, reason: str) -> None:
    """Put the version of THEME back in force that was so before the active one. Rows it has judged are restored free by
    the next fires. A second rollback undoes the first.

    \b
    Example:
      wave rubrics rollback comment_classifier --by ana --reason "v2 mixes up two labels"
    """
    from waves import project
    from waves.steps.govern import rollback

    click.echo(f"rubric {rollback(project.load(), theme, by=name, reason=reason)} of theme {theme} is active again")
