"""`wave demo`: from nothing to every sample comment classified."""

from __future__ import annotations

import sys

import click

THEME = "comment_classifier"


@click.command("demo")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Set up the sample theme on the embedded database and the rehearsal provider, approve it, and fire to completion.

    The rehearsal provider is a stand-in on this machine: it is no language model, and costs nothing.

    \b
    Example:
      wave demo
    """
    from dataclasses import replace

    from waves import fire, project
    from waves.learn.approval import approve
    from waves.steps.status import status
    from waves.store.connect import open_database
    from waves.store.sample import load_sample
    from waves.surfaces.cli import main, output

    # whatever waves.yaml or the environment say, a demo touches no database but its own
    here = replace(project.load(), database="embedded")
    with open_database(here.database, here.data) as db:
        added = load_sample(db, here.root / "data" / "sample")
    click.echo(f"sample: {added or 'the'} comments of scientific reviews in table artifact_comments")
    approval = approve(here, THEME, by="demo", version=None, max_rows=None, reason="the demo's own rubric")
    click.echo(f"rubric: {approval.version} of theme {THEME}, approved by demo")
    click.echo("provider: the rehearsal on this machine, which is no language model and costs nothing")
    order = fire.Order(backend="rehearsal", until_complete=True, trigger="demo")
    watching = output.watching(wanted=True) if sys.stderr.isatty() else output.lines()
    with watching as watcher:
        report = fire.fire(here, THEME, order, watcher)
    if report.fault is not None:
        main.show(report.fault)
        ctx.exit(report.exit_code)
    with open_database(here.database, here.data) as db:
        stands = status(here, db, THEME)
    click.echo(
        f"{report.ending.state}: {stands.census.done} of {stands.census.total} comments, percent {stands.percent:g}"
    )
    click.echo(f"requests: {report.llm_calls}, {report.duration_ms / 1000:.1f} s")
    click.echo(
        "next: .venv/bin/wave status, .venv/bin/wave db psql, or the demo again: nothing is missing, nothing is asked"
    )
    ctx.exit(report.exit_code)
