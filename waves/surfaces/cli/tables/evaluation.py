"""What `wave eval` shows a person: the settings side by side, the labels of the best one, and which it confuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waves.learn.evaluation.report.words import NO_ANSWER, confused_labels, report_notes, setting_name
from waves.surfaces.cli import output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from waves.learn.evaluation.metrics import Metrics
    from waves.learn.evaluation.ranking import Ranking
    from waves.learn.evaluation.report.model import EvaluationReport, SettingReport

_CONFUSIONS = 10
"""Pairs of labels that are shown, the most frequent ones."""


def show(report: EvaluationReport) -> None:
    """The report as tables; of an evaluation that was interrupted, what was finished and why it ended."""
    console = output.console()
    if report.settings:
        _show_settings(console, report)
    if report.ranking is not None:
        best = report.settings[report.ranking.best]
        _show_best(console, best)
        _show_confusions(console, best.metrics)
    for note in report_notes(report):
        console.print(_plain(note), soft_wrap=True)


def _show_settings(console: Console, report: EvaluationReport) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("rubric", "model", "batch"):
        table.add_column(name)
    names = ("answered", "macro F1", "micro F1", "exact", "ECE", "$/item", "tokens/item", "s/item", "to best", "p")
    for name in (*names, ""):
        table.add_column(name, justify="right")
    for number, setting in enumerate(report.settings):
        table.add_row(*_figures(setting, number, report.ranking), *_ranks(number, report.ranking))
    console.print(table)


def _figures(setting: SettingReport, number: int, ranking: Ranking | None) -> tuple[Text | str, ...]:
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


def _show_best(console: Console, best: SettingReport) -> None:
    from rich.table import Table

    metrics = best.metrics
    table = Table(box=None, pad_edge=False, title=_plain(setting_name(best)), title_justify="left", title_style="")
    table.add_column("field" if metrics.fields else "label")
    for name in ("match", "support") if metrics.fields else ("precision", "recall", "F1", "support"):
        table.add_column(name, justify="right")
    for field in metrics.fields or ():
        table.add_row(_plain(field.field), _number(field.match), str(field.support))
    for label in metrics.labels or ():
        shares = [_number(share) for share in (label.precision, label.recall, label.f1)]
        table.add_row(_plain(label.label), *shares, str(label.support))
    console.print()
    console.print(table)


def _show_confusions(console: Console, metrics: Metrics) -> None:
    from rich.table import Table

    pairs = confused_labels(metrics)[:_CONFUSIONS]
    if not pairs:
        return
    table = Table("gold", "answer", box=None, pad_edge=False)
    table.add_column("items", justify="right")
    for gold, answer, count in pairs:
        table.add_row(_plain(gold), _plain(answer or NO_ANSWER), str(count))
    console.print()
    console.print(table)


def _plain(text: str) -> Text:
    """Text from files as it stands there: nothing in it is markup, no character of it controls the terminal."""
    from rich.text import Text

    return Text("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text))


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _dollars(value: float | None) -> str:
    return "?" if value is None else f"${value:.6f}"
