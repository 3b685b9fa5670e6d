"""What `wave eval` shows a person: the settings side by side, the labels of the best one, and which it confuses."""

from __future__ import annotations

import click

from waves.learn.evaluation.metrics import Metrics
from waves.learn.evaluation.ranking import Ranking
from waves.learn.evaluation.report.model import EvaluationReport, SettingReport
from waves.learn.evaluation.report.words import NO_ANSWER, confused_labels, report_notes, setting_name
from waves.surfaces.cli import output

_FIGURES = ("answered", "macro F1", "micro F1", "exact", "ECE", "$/item", "tokens/item", "s/item", "to best", "p", "")
_CONFUSIONS = 10
"""Pairs of labels that are shown, the most frequent ones."""


def show(report: EvaluationReport) -> None:
    """The report as tables; of an evaluation that was interrupted, what was finished and why it ended."""
    if report.settings:
        rows = [
            (*_figures(setting, number, report.ranking), *_ranks(number, report.ranking))
            for number, setting in enumerate(report.settings)
        ]
        output.table(("rubric", "model", "batch", *_FIGURES), rows, right=_FIGURES)
    if report.ranking is not None:
        best = report.settings[report.ranking.best]
        _show_best(best)
        _show_confusions(best.metrics)
    for note in report_notes(report):
        click.echo(_plain(note))


def _figures(setting: SettingReport, number: int, ranking: Ranking | None) -> tuple[str, ...]:
    """The score of fields, which have no F1, stands in its column."""
    metrics, cost = setting.metrics, setting.cost
    score = metrics.macro.f1 if metrics.macro else None
    if metrics.fields is not None and ranking is not None:
        score = ranking.comparisons[number].score
    return (
        _plain(setting.rubric_version),
        _plain(setting.model),
        str(setting.batch_size),
        f"{setting.answered:,}/{setting.items:,}",
        _number(score),
        _number(metrics.micro.f1 if metrics.micro else None),
        _number(metrics.exact_match),
        _number(setting.calibration.error if setting.calibration else None),
        _dollars(cost.cost_usd_per_item),
        _number(cost.tokens_per_item, 1),
        _number(cost.seconds_per_item),
    )


def _ranks(number: int, ranking: Ranking | None) -> tuple[str, str, str]:
    """The interval of the difference to the best setting, its p, and what the setting is among all."""
    if ranking is None:
        return "", "", ""
    comparison = ranking.comparisons[number]
    ranks = [name for name, rank in (("best", ranking.best), ("cheapest", ranking.cheapest)) if rank == number]
    words = ", ".join(ranks) or ("worse" if comparison.worse else "")
    if number == ranking.best:
        return "", "", words
    return f"{comparison.low:+.3f} … {comparison.high:+.3f}", _number(comparison.p), words


def _show_best(best: SettingReport) -> None:
    metrics = best.metrics
    figures = ("match", "support") if metrics.fields else ("precision", "recall", "F1", "support")
    fields = [(_plain(each.field), _number(each.match), str(each.support)) for each in metrics.fields or ()]
    labels = [
        (_plain(each.label), *map(_number, (each.precision, each.recall, each.f1)), str(each.support))
        for each in metrics.labels or ()
    ]
    names = ("field" if metrics.fields else "label", *figures)
    click.echo()
    output.table(names, [*fields, *labels], right=figures, title=_plain(setting_name(best)))


def _show_confusions(metrics: Metrics) -> None:
    pairs = confused_labels(metrics)[:_CONFUSIONS]
    if pairs:
        rows = [(_plain(gold), _plain(answer or NO_ANSWER), str(count)) for gold, answer, count in pairs]
        click.echo()
        output.table(("gold", "answer", "items"), rows, right={"items"})


def _plain(text: str) -> str:
    """Text from files as it stands there, but for the characters that control a terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _dollars(value: float | None) -> str:
    return "?" if value is None else f"${value:.6f}"
