"""`wave takeover`: give up a wave that another host holds open."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.takeover import takeover
from waves.surfaces.cli.options import by_required, reason_option


@click.command("takeover")
@click.argument("theme")
@by_required
@reason_option
def command(theme: str, *, by: str, reason: str) -> None:
    """Give up the wave of THEME that another host holds open.

    The next fire works on its rows. Answers that the other host has paid for enter history when it comes back.

    \b
    Example:
      wave takeover comment_classifier --by ana --reason "the host is gone"
    """
    taken = takeover(project.load(), theme, by=by, reason=reason)
    click.echo(f"wave {taken.wave_id} of host {taken.host} is abandoned; the next fire works on its rows")
