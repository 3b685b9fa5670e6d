"""An evaluation as one HTML file that needs nothing else: no script, no network, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from waves.learn.evaluation.report.svg import frontier, reliability
from waves.learn.evaluation.report.words import NO_ANSWER, mixed_up, name_of, notes

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #d8dee4 }
th:first-child, td:first-child { text-align: left }
svg { margin: 1rem 1rem 1rem 0 }
svg text { font-size: 12px }
"""
_MOST = 20


def page(report: dict[str, Any]) -> str:
    """The report of a finished evaluation, as `wave eval --json` prints it."""
    title = f"Evaluation of {report['theme']}"
    settings = report["settings"]
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{report['gold']['items']:,} items of gold, run {escape(report['run_id'])}</p>",
        *(f"<p>{escape(note)}</p>" for note in notes(report)),
        _side_by_side(report),
        frontier(report),
        *(_section(number, each) for number, each in enumerate(settings, 1)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _side_by_side(report: dict[str, Any]) -> str:
    head = ("setting", "answered", "score", "to the best", "p", "exact", "ECE", "$/item", "tokens/item", "s/item", "")
    rows = []
    for number, (each, told) in enumerate(zip(report["settings"], report["comparisons"], strict=True)):
        marks = [word for word in ("best", "cheapest") if report[word] == number]
        rows.append(
            (
                f"{number + 1}. {name_of(each)}",
                f"{each['answered']:,} of {each['items']:,}",
                _number(told["score"]),
                f"{told['low']:+.3f} … {told['high']:+.3f}" if number != report["best"] else "",
                _number(told["p"]) if number != report["best"] else "",
                _number(each["exact_match"]),
                _number(each["calibration"]["error"] if each["calibration"] else None),
                _number(each["cost_usd_per_item"], 6),
                _number(each["tokens_per_item"], 1),
                _number(each["seconds_per_item"]),
                ", ".join([*marks, *(["worse"] if told["worse"] else [])]),
            )
        )
    note = (
        "<p>The score is macro F1, or for fields the mean share that match. The interval of 95 % is that of its "
        "difference to the best one, by a paired bootstrap; p is of McNemar's exact test on exact matches.</p>"
    )
    return _table(head, rows) + note


def _section(number: int, setting: dict[str, Any]) -> str:
    parts = [f"<h2>{number}. {escape(name_of(setting))}</h2>"]
    if setting["fields"] is not None:
        rows = [(each["field"], _number(each["match"]), str(each["support"])) for each in setting["fields"]]
        parts.append(_table(("field", "match", "support"), rows))
    if setting["labels"] is not None:
        parts.append(_averages(setting) + _labels(setting))
    if setting["calibration"] is not None:
        parts.append(reliability(setting["calibration"]))
    if pairs := mixed_up(setting)[:_MOST]:
        rows = [(gold, answer or NO_ANSWER, str(count)) for gold, answer, count in pairs]
        parts.append(_table(("gold", "answer", "items"), rows))
    return "\n".join(parts)


def _averages(setting: dict[str, Any]) -> str:
    names = ("precision", "recall", "f1")
    rows = [
        (average, *(_number(setting[average][name]) for name in names))
        for average in ("macro", "micro", "weighted")
        if setting[average]
    ]
    return _table(("average", "precision", "recall", "F1"), rows)


def _labels(setting: dict[str, Any]) -> str:
    """With the counts of its errors where labels may co-occur: there is no matrix then."""
    counts = {each["label"]: each for each in setting["confusion"].get("per_label", ())}
    kinds = ("tp", "fp", "fn", "tn") if counts else ()
    rows = [
        (
            each["label"],
            *(_number(each[name]) for name in ("precision", "recall", "f1")),
            str(each["support"]),
            *(str(counts[each["label"]][kind]) for kind in kinds),
        )
        for each in setting["labels"]
    ]
    return _table(("label", "precision", "recall", "F1", "support", *kinds), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table>\n<tr>{top}</tr>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>"


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"
