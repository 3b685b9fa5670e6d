"""`wave eval`: compare rubric versions, models and batch sizes on gold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from waves.config import project
from waves.errors import NeedsPersonError
from waves.fire_report import EXIT_CODE
from waves.learn.evaluation.evaluate import evaluate
from waves.learn.evaluation.forecast import foresee
from waves.learn.evaluation.report.as_json import evaluation_json, forecast_json
from waves.learn.evaluation.report.html import evaluation_html
from waves.learn.evaluation.report.model import EvaluationReport
from waves.learn.evaluation.report.words import gold_notes
from waves.learn.evaluation.settings import EvaluationOptions
from waves.surfaces.cli import output, progress
from waves.surfaces.cli.options import ReportFile, json_option, write_report
from waves.surfaces.cli.tables.evaluation import show
from waves.words import counted


def _listed(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    words = tuple(word for part in (value or "").split(",") if (word := part.strip()))
    if value is not None and not words:
        raise click.BadParameter("at least one value is required", ctx, param)
    return words


def _sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    sizes: click.ParamType[Any] = click.IntRange(1, 1000)
    return tuple(sizes.convert(word, param, ctx) for word in _listed(ctx, param, value))


@click.command("eval")
@click.argument("theme")
@click.option(
    "--rubric", "rubrics", callback=_listed, metavar="VERSIONS", help="E.g. v1,v2-1a2b3c4; default: the active one."
)
@click.option("--backend", metavar="NAME", help="A backend of waves.yaml, or `rehearsal`; default: the theme's first.")
@click.option(
    "--models", callback=_listed, metavar="NAMES", help="Models of the backend, with commas; default: its first."
)
@click.option(
    "--batch-size",
    "sizes",
    callback=_sizes,
    metavar="SIZES",
    help="Items in a request, e.g. 1,6,12; default: the theme's.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Use N items of the gold, the same ones each time."
)
@click.option("--html", type=ReportFile(), help="Also write the report to this file.")
@click.option("--dry-run", is_flag=True, help="Ask no model and write nothing; show what would be asked.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation before money is spent.")
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
    """Judge the gold of THEME, and compare settings. Each combination of version, model and batch size is a setting.

    Nothing is merged, and nothing is paid for twice: as long as the gold is about the same rows, an interrupted
    evaluation goes on where it ended, and a finished one is read from disk.

    \b
    Example:
      wave eval comment_classifier --dry-run
      wave eval comment_classifier --rubric v1,v2 --batch-size 1,12 --html report.html
    """
    options = EvaluationOptions(rubrics, backend, models, sizes, limit)
    if dry_run:
        _foresee(theme, options, as_json=as_json)
        return
    if not yes and sys.stdin.isatty():
        _confirm(theme, options)
    report = _evaluated(theme, options, watched=not as_json)
    if html is not None and report.ranking is not None:
        write_report(html, evaluation_html(report))
    if as_json:
        output.emit({**evaluation_json(report), "snoozed_until": output.moment(report.ending.snoozed_until)})
    else:
        show(report)
    ctx.exit(EXIT_CODE[report.ending.state])


def _evaluated(theme: str, options: EvaluationOptions, *, watched: bool) -> EvaluationReport:
    with progress.watching(enabled=watched) as watcher:
        return evaluate(project.load(), theme, options, watcher)


def _foresee(theme: str, options: EvaluationOptions, *, as_json: bool) -> None:
    foreseen = foresee(project.load(), theme, options)
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


def _confirm(theme: str, options: EvaluationOptions) -> None:
    """Ask a person at a terminal before money is spent, or may be. Caps apply in any case."""
    foreseen = foresee(project.load(), theme, options)
    requests, usd = foreseen.requests, foreseen.cost_usd
    if not requests or usd == 0:
        return
    cost = "at an unknown cost" if usd is None else f"about ${usd:,.2g} at most"
    if not click.confirm(f"{counted(requests, 'request')}, {cost}. Go on?", default=False, err=True):
        raise NeedsPersonError("nothing was asked: nobody has confirmed the cost", "Type yes, or give --yes.")
