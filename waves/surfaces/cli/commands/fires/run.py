"""`wave run`: classify the missing items of the open wave."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.by_hand import run_wave
from waves.steps.session.session import Invocation
from waves.surfaces.cli import output, progress
from waves.surfaces.cli.options import backend_option, parallel_option


@click.command("run")
@click.argument("theme")
@parallel_option
@backend_option
@click.pass_context
def command(ctx: click.Context, theme: str, *, parallel: int | None, backend: str | None) -> None:
    """Ask the model about the missing items of the open wave of THEME.

    \b
    Example:
      wave run comment_classifier --parallel 6
    """
    with progress.watching(enabled=True) as watcher:
        report = run_wave(Invocation(project.load(), theme, {"parallel": parallel}, backend, watcher=watcher))
    output.show_ending(report)
    ctx.exit(report.exit_code)
