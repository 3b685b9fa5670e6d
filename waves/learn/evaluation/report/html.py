"""An evaluation as one HTML file that needs nothing else: no script, no network, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from waves.learn.evaluation.metrics import Average, LabelConfusion, LabelMetrics, Metrics
from waves.learn.evaluation.ranking import Ranking
from waves.learn.evaluation.report.model import EvaluationReport, SettingReport
from waves.learn.evaluation.report.svg import cost_frontier, reliability_curve
from waves.learn.evaluation.report.words import NO_ANSWER, confused_labels, report_notes, setting_name

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #d8dee4 }
th:first-child, td:first-child { text-align: left }
svg { margin: 1rem 1rem 1rem 0 }
svg text { font-size: 12px }
"""
_CONFUSIONS = 20
"""Pairs of labels that are shown, the most frequent ones."""


def evaluation_html(report: EvaluationReport) -> str:
    """The page of a finished evaluation."""
    title = escape(f"Evaluation of {report.theme_id}")
    body = [
        f"<h1>{title}</h1>",
        f"<p>{report.gold.items:,} items of gold, run {escape(report.run_id)}</p>" if report.gold else "",
        *(f"<p>{escape(note)}</p>" for note in report_notes(report)),
        _ranked(report.settings, report.ranking) if report.ranking else "",
        *(_section(number, setting) for number, setting in enumerate(report.settings, 1)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _ranked(settings: Sequence[SettingReport], ranking: Ranking) -> str:
    """The settings side by side, and their scores over their costs."""
    head = ("setting", "answered", "score", "to the best", "p", "exact", "ECE", "$/item", "tokens/item", "s/item", "")
    rows = [_ranked_row(number, setting, ranking) for number, setting in enumerate(settings)]
    note = (
        "<p>The score is macro F1, or for fields the mean share that match. The interval of 95 % is that of its "
        "difference to the best one, by a paired bootstrap; p is of McNemar's exact test on exact matches.</p>"
    )
    frontier = cost_frontier([setting.cost for setting in settings], ranking)
    return "\n".join(part for part in (_table(head, rows) + note, frontier) if part)


def _ranked_row(number: int, setting: SettingReport, ranking: Ranking) -> tuple[str, ...]:
    comparison, is_best = ranking.comparisons[number], number == ranking.best
    ranks = {"best": is_best, "cheapest": number == ranking.cheapest, "worse": comparison.worse}
    return (
        f"{number + 1}. {setting_name(setting)}",
        f"{setting.answered:,} of {setting.items:,}",
        _number(comparison.score),
        "" if is_best else f"{comparison.low:+.3f} … {comparison.high:+.3f}",
        "" if is_best else _number(comparison.p),
        _number(setting.metrics.exact_match),
        _number(setting.calibration.error if setting.calibration else None),
        _number(setting.cost.cost_usd_per_item, 6),
        _number(setting.cost.tokens_per_item, 1),
        _number(setting.cost.seconds_per_item),
        ", ".join(name for name, applies in ranks.items() if applies),
    )


def _section(number: int, setting: SettingReport) -> str:
    metrics = setting.metrics
    parts = [f"<h2>{number}. {escape(setting_name(setting))}</h2>"]
    if metrics.fields is not None:
        fields = [(each.field, _number(each.match), str(each.support)) for each in metrics.fields]
        parts.append(_table(("field", "match", "support"), fields))
    if metrics.labels is not None:
        parts.append(_averages(metrics) + _labels(metrics.labels, metrics))
    if setting.calibration is not None:
        parts.append(reliability_curve(setting.calibration))
    if pairs := confused_labels(metrics)[:_CONFUSIONS]:
        rows = [(gold, answer or NO_ANSWER, str(count)) for gold, answer, count in pairs]
        parts.append(_table(("gold", "answer", "items"), rows))
    return "\n".join(parts)


def _averages(metrics: Metrics) -> str:
    averages = {"macro": metrics.macro, "micro": metrics.micro, "weighted": metrics.weighted}
    rows = [(name, *_shares(average)) for name, average in averages.items() if average]
    return _table(("average", "precision", "recall", "F1"), rows)


def _labels(labels: Iterable[LabelMetrics], metrics: Metrics) -> str:
    """With the counts of its errors where labels may co-occur: there is no matrix then."""
    head: tuple[str, ...] = ("label", "precision", "recall", "F1", "support")
    rows: list[tuple[str, ...]] = [(each.label, *_shares(each), str(each.support)) for each in labels]
    if isinstance(metrics.confusion, LabelConfusion) and metrics.confusion.per_label:
        head += ("tp", "fp", "fn", "tn")
        counts = [(each.tp, each.fp, each.fn, each.tn) for each in metrics.confusion.per_label]
        rows = [(*row, *map(str, of_label)) for row, of_label in zip(rows, counts, strict=True)]
    return _table(head, rows)


def _shares(each: Average | LabelMetrics) -> tuple[str, str, str]:
    return _number(each.precision), _number(each.recall), _number(each.f1)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table>\n<tr>{top}</tr>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>"


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"
