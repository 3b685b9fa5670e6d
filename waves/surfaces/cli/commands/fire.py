"""`wave fire`: the whole cycle of one theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from waves.config import project
from waves.ids import new_run_id
from waves.models import Ending, FireReport
from waves.surfaces.cli import output, progress
from waves.surfaces.cli.faults import as_fault, show
from waves.surfaces.cli.options import backend_option, json_option, parallel_option

if TYPE_CHECKING:
    from waves.fire import FireOptions
    from waves.steps.session.session import Watcher


@click.command("fire")
@click.argument("theme")
@click.option("--keys", type=click.IntRange(min=1), help="Items this fire may take at most.")
@parallel_option
@backend_option
@click.option("--dry-run", is_flag=True, help="Ask no model; say what would be done. Only the run row is written.")
@click.option("--until-complete", is_flag=True, help="Waves until the gap is empty.")
@click.option("--trigger", default="shell", show_default=True, help="Who fires; stands in the run row.")
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
    """Rescue, then prepare, run and collect waves of THEME until the keys are used up.

    \b
    Example:
      wave fire comment_classifier --keys 700 --parallel 6
    """
    from waves.fire import FireOptions  # it brings the database driver and the workers; `--help` needs neither

    options = FireOptions(keys, parallel, backend, dry_run, until_complete, trigger)
    with progress.watching(wanted=not as_json) as watcher:
        report = _fired(theme, options, watcher)
    if as_json:
        output.emit(output.fire_object(report))
    elif dry_run and report.fault is None:
        click.echo(report.ending.reason)
    else:
        output.tell(report)
    if report.fault is not None:
        show(report.fault)
    ctx.exit(report.exit_code)


def _fired(theme: str, options: FireOptions, watcher: Watcher | None) -> FireReport:
    """The report of a fire. It also holds what stopped the fire before it began, and a bug: with `--json` both are
    reported as JSON."""
    from waves.fire import fire  # as above

    try:
        return fire(project.load(), theme, options, watcher)
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a page
        fault = as_fault(error)
        return FireReport(theme, new_run_id(), Ending("failed", fault.message), 0, fault=fault)
