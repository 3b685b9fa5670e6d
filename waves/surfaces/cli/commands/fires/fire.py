"""`wave fire`: the whole cycle of one theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from waves.config import project
from waves.fire_report import FireReport
from waves.ids import new_run_id
from waves.models import Ending
from waves.surfaces.cli import output, progress
from waves.surfaces.cli.faults import as_fault, show
from waves.surfaces.cli.options import backend_option, json_option, parallel_option

if TYPE_CHECKING:
    from waves.fire import FireOptions
    from waves.steps.session.session import Watcher


@click.command("fire")
@click.argument("theme")
@click.option("--keys", type=click.IntRange(min=1), metavar="N", help="Take at most N items.")
@parallel_option
@backend_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Ask no model; show what would be done and what it would cost. Only a run row is written.",
)
@click.option("--until-complete", is_flag=True, help="Go on, wave after wave, until the gap is empty.")
@click.option("--trigger", default="shell", show_default=True, help="What started the fire; recorded in the run row.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    keys: int | None,
    parallel: int | None,
    backend: str | None,
    dry_run: bool,
    until_complete: bool,
    trigger: str,
    as_json: bool,
) -> None:
    """Run the whole cycle for THEME: rescue, then prepare, run and collect waves until the keys are used up.

    Rescue repairs what a killed fire left behind. An open wave is finished before a new one is prepared. Without a
    terminal it prints only what needs a person.

    \b
    Example:
      wave fire comment_classifier --keys 700 --parallel 6
    """
    from waves.fire import (
        FireOptions,
    )  # imported here: `wave fire --help` needs neither the database driver nor the workers

    options = FireOptions(keys, parallel, backend, dry_run, until_complete, trigger)
    with progress.watching(enabled=not as_json) as watcher:
        report = _fired(theme, options, watcher)
    if as_json:
        output.emit(output.fire_object(report))
    elif dry_run and report.fault is None:
        click.echo(report.ending.reason)
    else:
        output.show_ending(report)
    if report.fault is not None:
        show(report.fault)
    ctx.exit(report.exit_code)


def _fired(theme: str, options: FireOptions, watcher: Watcher | None) -> FireReport:
    """The report of a fire. A fault from before the fire, and a bug, are in the report too, so that `--json` prints
    them as JSON."""
    from waves.fire import fire  # see above

    try:
        return fire(project.load(), theme, options, watcher)
    except Exception as error:  # noqa: BLE001 - the last resort: two lines instead of a traceback
        fault = as_fault(error)
        return FireReport(theme, new_run_id(), Ending("failed", fault.message), 0, fault=fault)
