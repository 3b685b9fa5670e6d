"""`wave config`: the limits of a theme."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.limits import Limit, change, limits
from waves.surfaces.cli import output
from waves.surfaces.cli.options import by_operator, json_option, reason_option


@click.command("config")
@click.argument("theme")
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option(
    "--unset", is_flag=True, help="Take the value away: that of theme.yaml, or the default, is in force then."
)
@by_operator
@reason_option
@json_option
def command(
    theme: str, key: str | None, value: str | None, *, unset: bool, by: str, reason: str, as_json: bool
) -> None:
    """Show the limits of THEME and where each comes from; with VALUE, set KEY in the table theme_config.

    Environment (WAVES_KEYS …) and flags go before it, theme.yaml comes after it. A value out of bounds is refused, and
    the one from before stays in force.

    \b
    Example:
      wave config comment_classifier
      wave config comment_classifier keys 1400 --by ana --reason "a larger window"
      wave config comment_classifier keys --unset --by ana
    """
    if unset and (key is None or value is not None):
        raise click.UsageError("--unset wants a KEY, and no VALUE")
    if key is None or (value is None and not unset):
        _show(theme, limits(project.load(), theme, key), as_json=as_json)
        return
    before, after = change(project.load(), theme, key, value, by=by, reason=reason)
    if as_json:
        output.emit({"theme": theme, "key": key, "before": before, "after": after})
    else:
        click.echo(f"{key} of theme {theme}: {before or 'not set'} → {after or 'not set'}")
        (limit,) = limits(project.load(), theme, key)
        if limit.origin == "environment":
            click.echo(f"WAVES_{limit.key.upper()} goes before it: {limit.value} is in force here", err=True)


def _show(theme: str, found: list[Limit], *, as_json: bool) -> None:
    if as_json:
        rows = [{"key": one.key, "value": one.value, "from": one.origin} for one in found]
        output.emit({"theme": theme, "limits": rows})
        return
    for one in found:
        click.echo(f"{one.key:<26}{'none' if one.value is None else f'{one.value:,}':>14}  {one.origin}")
