"""`wave demo`: from nothing to a sample whose rows are all judged."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from waves import fire
from waves.config import project
from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ConfigurationError
from waves.steps.reports.status import status
from waves.steps.rubrics.approval import approve
from waves.store.connect import open_database
from waves.store.demo_tables import load_missing, load_sample, row_description, table_of
from waves.surfaces.cli import faults, progress

THEME = "comment_classifier"


@click.command("demo")
@click.argument("theme", required=False)
@click.option("--all", "every", is_flag=True, help="Run every theme that has a sample, one after the other.")
@click.pass_context
def command(ctx: click.Context, theme: str | None, *, every: bool) -> None:
    """Set up the sample data on the embedded database, start the rehearsal provider, approve the rubric of THEME, and
    fire until every row is judged. Without THEME it takes comment_classifier.

    The rehearsal provider is a stand-in on this machine: it is no language model and costs nothing.

    \b
    Example:
      wave demo
      wave demo activity_enrichment
    """
    if theme and every:
        raise click.UsageError("name a THEME, or give --all")
    # a demo uses the embedded database only, whatever waves.yaml or the environment name
    here = replace(project.load(), database="embedded")
    folder = here.root / "data" / "sample"
    samples = _samples(here, folder, themes.known(here.prompts) if every else [theme or THEME])
    with open_database(here) as db:
        added = {table: load_sample(db, folder, table) for table in dict.fromkeys(samples.values())}
        load_missing(db, folder)
    exit_code = 0
    for theme_id, table in samples.items():
        exit_code = exit_code or _complete(ctx, here, theme_id, table, added.pop(table, 0))
    click.echo(
        "next: .venv/bin/wave status, .venv/bin/wave db psql, "
        "or the demo again: it asks nothing, because nothing is missing"
    )
    ctx.exit(exit_code)


def _samples(here: Project, folder: Path, names: list[str]) -> dict[str, str]:
    """The themes that have sample data, each with its table."""
    samples = {name: table for name in names if (table := table_of(themes.load(here.prompts, name), folder))}
    if not samples:
        raise ConfigurationError(
            f"the sample data of {', '.join(names) or 'any theme'} is not in {folder}",
            "Run the demo in a checkout, which has the samples beside waves.yaml, with a theme that ships with it.",
        )
    return samples


def _complete(ctx: click.Context, here: Project, theme_id: str, table: str, added: int) -> int:
    """Take one theme from nothing to 100 %. Returns the exit code of its fire; a fault of the fire ends the demo."""
    with open_database(here) as db:
        about = row_description(db, table)
    click.echo(f"sample: {added or 'the'} {about} in table {table}")
    approval = approve(here, theme_id, by="demo", version=None, max_rows=None, reason="the demo's own rubric")
    click.echo(f"rubric: {approval.version} of theme {theme_id}, approved by demo")
    click.echo("provider: the rehearsal on this machine, which is no language model and costs nothing")
    options = fire.FireOptions(backend="rehearsal", until_complete=True, trigger="demo")
    watching = progress.watching(enabled=True) if sys.stderr.isatty() else progress.lines()
    with watching as watcher:
        report = fire.fire(here, theme_id, options, watcher)
    if report.fault is not None:
        faults.show(report.fault)
        ctx.exit(report.exit_code)
    with open_database(here) as db:
        progressed = status(here, db, theme_id)
    done, total = progressed.census.done, progressed.census.total
    given_up = f", {progressed.census.given_up} given up" if progressed.census.given_up else ""
    click.echo(f"{report.ending.state}: {done} of {total} {about.split()[0]}, percent {progressed.percent:g}{given_up}")
    click.echo(f"requests: {report.llm_calls}, {report.duration_ms / 1000:.1f} s")
    return report.exit_code
