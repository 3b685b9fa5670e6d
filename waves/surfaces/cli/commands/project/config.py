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
@click.option("--unset", is_flag=True, help="Remove the value; then that of theme.yaml applies, or the default.")
@by_operator
@reason_option
@json_option
def command(
    theme: str, key: str | None, value: str | None, *, unset: bool, by: str, reason: str, as_json: bool
) -> None:
    """Show the limits of THEME and where each comes from; with VALUE, set KEY in the table theme_config.

    A flag and the environment (WAVES_KEYS …) override the table; the table overrides theme.yaml. A value out of bounds
    is refused, and the previous value stays.

    \b
    Example:
      wave config comment_classifier
      wave config comment_classifier keys 1400 --by ana --reason "a larger window"
      wave config comment_classifier keys --unset --by ana
    """
    if unset and (key is None or value is not None):
        raise click.UsageError("--unset takes a KEY and no VALUE")
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
            click.echo(f"WAVES_{limit.key.upper()} overrides it: the limit is {limit.value} here", err=True)


def _show(theme: str, limits: list[Limit], *, as_json: bool) -> None:
    if as_json:
        rows = [{"key": limit.key, "value": limit.value, "from": limit.origin} for limit in limits]
        output.emit({"theme": theme, "limits": rows})
        return
    for limit in limits:
        click.echo(f"{limit.key:<26}{'none' if limit.value is None else f'{limit.value:,}':>14}  {limit.origin}")
