"""`wave abandon`: give up the open wave."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.by_hand import abandon_wave
from waves.steps.session.session import Invocation
from waves.surfaces.cli.options import by_required, reason_option


@click.command("abandon")
@click.argument("theme")
@by_required
@reason_option
def command(theme: str, *, by: str, reason: str) -> None:
    """Give up the open wave of THEME.

    Nothing is merged, its rows stay in the gap, and the answers that were paid for stay in history.

    \b
    Example:
      wave abandon comment_classifier --by ana --reason "wrong source"
    """
    wave_id = abandon_wave(Invocation(project.load(), theme, {}), by, reason)
    click.echo(f"wave {wave_id} of theme {theme} is abandoned")
