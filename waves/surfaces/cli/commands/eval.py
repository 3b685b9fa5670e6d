"""`wave eval`: rubric versions, models and batch sizes against gold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from waves.config import project
from waves.errors import NeedsPersonError
from waves.learn.evaluation.evaluate import evaluate
from waves.learn.evaluation.forecast import foresee
from waves.learn.evaluation.report.as_json import evaluation_json, forecast_json
from waves.learn.evaluation.report.html import evaluation_html
from waves.learn.evaluation.report.model import EvaluationReport
from waves.learn.evaluation.report.words import gold_notes
from waves.learn.evaluation.settings import EvaluationOptions
from waves.models import EXIT_CODE
from waves.surfaces.cli import output, progress
from waves.surfaces.cli.options import ReportFile, json_option, write_report
from waves.surfaces.cli.tables.evaluation import show
from waves.words import counted


def _listed(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    words = tuple(word for part in (value or "").split(",") if (word := part.strip()))
    if value is not None and not words:
        raise click.BadParameter("at least one is wanted", ctx, param)
    return words


def _sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    sizes: click.ParamType[Any] = click.IntRange(1, 1000)
    return tuple(sizes.convert(word, param, ctx) for word in _listed(ctx, param, value))


@click.command("eval")
@click.argument("theme")
@click.option("--rubric", "rubrics", callback=_listed, help="Versions, e.g. v1,v2-1a2b3c4; default: the active one.")
@click.option("--backend", help="A backend of waves.yaml, or `rehearsal`; default: the theme's first.")
@click.option("--models", callback=_listed, help="Models of that backend, with commas; default: its first.")
@click.option("--batch-size", "sizes", callback=_sizes, help="Items in a request, e.g. 1,6,12; default: the theme's.")
@click.option("--limit", type=click.IntRange(min=1), help="So many items of gold; the same ones each time.")
@click.option("--html", type=ReportFile(), help="Write the report to this file, too.")
@click.option("--dry-run", is_flag=True, help="Ask no model, write nothing; say what would be asked.")
@click.option("--yes", is_flag=True, help="Do not ask before money is spent.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    theme: str,
    *,
    rubrics: tuple[str, ...],
    backend: str | None,
    models: tuple[str, ...],
    sizes: tuple[int, ...],
    limit: int | None,
    html: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Ask for the gold of THEME and compare: each combination of versions, models and batch sizes is a setting.

    Nothing is merged. What was paid for is not bought again: as long as the gold is about the same rows, an evaluation
    goes on where it was, and a finished one is read from disk.

    \b
    Example:
      wave eval comment_classifier --dry-run
      wave eval comment_classifier --rubric v1,v2 --batch-size 1,12 --html report.html
    """
    order = EvaluationOptions(rubrics, backend, models, sizes, limit)
    if dry_run:
        _foresee(theme, order, as_json=as_json)
        return
    if not yes and sys.stdin.isatty():
        _confirm(theme, order)
    report = _evaluated(theme, order, watched=not as_json)
    if html is not None and report.ranking is not None:
        write_report(html, evaluation_html(report))
    if as_json:
        output.emit({**evaluation_json(report), "snoozed_until": output.moment(report.ending.snoozed_until)})
    else:
        show(report)
    ctx.exit(EXIT_CODE[report.ending.state])


def _evaluated(theme: str, order: EvaluationOptions, *, watched: bool) -> EvaluationReport:
    with progress.watching(wanted=watched) as watcher:
        return evaluate(project.load(), theme, order, watcher)


def _foresee(theme: str, order: EvaluationOptions, *, as_json: bool) -> None:
    foreseen = foresee(project.load(), theme, order)
    if as_json:
        output.emit(forecast_json(foreseen))
        return
    for each in foreseen.settings:
        click.echo(
            f"would ask {each.model} on backend {each.backend} for {each.to_ask} of {each.items} items in "
            f"{counted(each.requests, 'request')} of up to {each.batch_size} by rubric {each.rubric_version}; "
            f"{each.cost}"
        )
    for line in gold_notes(foreseen.gold):
        click.echo(output.harmless(line))


def _confirm(theme: str, order: EvaluationOptions) -> None:
    """A person at a terminal is asked before money is spent, or may be; caps bind everybody."""
    foreseen = foresee(project.load(), theme, order)
    requests, usd = foreseen.requests, foreseen.cost_usd
    if not requests or usd == 0:
        return
    cost = "at a cost that nobody knows" if usd is None else f"about ${usd:,.2g} at most"
    if not click.confirm(f"{counted(requests, 'request')}, {cost}. Go on?", default=False, err=True):
        raise NeedsPersonError("nothing was asked: nobody has said yes", "Type yes, or give --yes.")
