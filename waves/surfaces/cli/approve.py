"""`wave approve`: open the gate for a rubric version."""

from __future__ import annotations

import click


@click.command("approve")
@click.argument("theme")
@click.option("--by", "name", required=True, help="Who approves; stands in the audit log.")
@click.option("--version", help="The version; default: the active one.")
@click.option("--max-rows", type=click.IntRange(min=1), help="So many rows at most; default: no limit.")
@click.option("--reason", default="", help="Why; stands in the audit log.")
def command(theme: str, *, name: str, version: str | None, max_rows: int | None, reason: str) -> None:
    """Let a rubric version of THEME touch more rows than the few that nobody has to approve.

    \b
    Example:
      wave approve comment_classifier --by ana --reason "pilot looked right"
    """
    from waves import project
    from waves.steps.govern import approve

    approved = approve(project.load(), theme, by=name, version=version, max_rows=max_rows, reason=reason)
    limit = f"for {max_rows:,} rows" if max_rows else "without a limit"
    click.echo(f"rubric {approved} of theme {theme} is approved {limit}")
