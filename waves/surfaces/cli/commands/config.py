"""`wave config`: the limits of a theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from waves.surfaces.cli.options import Person

if TYPE_CHECKING:
    from waves.steps.operator.limits import Limit


@click.command("config")
@click.argument("theme")
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option(
    "--unset", is_flag=True, help="Take the value away: that of theme.yaml, or the default, is in force then."
)
@click.option(
    "--by", "name", type=Person(), default="operator", show_default=True, help="Who decides; stands in the audit log."
)
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    theme: str, key: str | None, value: str | None, *, unset: bool, name: str, reason: str, as_json: bool
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
    from waves.config import project
    from waves.steps.operator.limits import list_limits, set_limit
    from waves.surfaces.cli import output

    if unset and (key is None or value is not None):
        raise click.UsageError("--unset wants a KEY, and no VALUE")
    if key is None or (value is None and not unset):
        _show(theme, list_limits(project.load(), theme, key), as_json=as_json)
        return
    before, after = set_limit(project.load(), theme, key, value, by=name, reason=reason)
    if as_json:
        output.emit({"theme": theme, "key": key, "before": before, "after": after})
    else:
        click.echo(f"{key} of theme {theme}: {before or 'not set'} → {after or 'not set'}")
        (limit,) = list_limits(project.load(), theme, key)
        if limit.origin == "environment":
            click.echo(f"WAVES_{limit.key.upper()} goes before it: {limit.value} is in force here", err=True)


def _show(theme: str, found: list[Limit], *, as_json: bool) -> None:
    from waves.surfaces.cli import output

    if as_json:
        rows = [{"key": one.key, "value": one.value, "from": one.origin} for one in found]
        output.emit({"theme": theme, "limits": rows})
        return
    for one in found:
        click.echo(f"{one.key:<26}{'none' if one.value is None else f'{one.value:,}':>14}  {one.origin}")
