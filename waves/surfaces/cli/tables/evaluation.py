"""What `wave eval` shows a person: the settings side by side, the labels of the best one, what it mixes up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from waves.learn.evaluation.report.words import NO_ANSWER, mixed_up, name_of, notes
from waves.surfaces.cli import output

_FIGURES = ("answered", "macro F1", "micro F1", "exact", "ECE", "$/item", "tokens/item", "s/item", "to best", "p", "")
_MOST = 10
"""Pairs of labels that are mixed up most often."""


def show(report: dict[str, Any]) -> None:
    """The report of `wave eval --json` as tables. Of an interrupted evaluation: what was finished, and why it ended."""
    settings = report["settings"]
    if settings:
        output.table(("rubric", "model", "batch", *_FIGURES), _settings(report), right=_FIGURES)
    if report["best"] is not None:
        best = settings[report["best"]]
        _show_labels(best)
        _show_confusion(best)
    for note in notes(report):
        click.echo(_plain(note))


def _settings(report: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for number, each in enumerate(report["settings"]):
        against_best = report["comparisons"][number] if report["best"] is not None else None
        yield (
            _plain(each["rubric_version"]),
            _plain(each["model"]),
            str(each["batch_size"]),
            f"{each['answered']:,}/{each['items']:,}",
            _share(each["macro"], "f1") if each["fields"] is None else _number(against_best and against_best["score"]),
            _share(each["micro"], "f1"),
            _number(each["exact_match"]),
            _share(each["calibration"], "error"),
            _dollars(each["cost_usd_per_item"]),
            _number(each["tokens_per_item"], 1),
            _number(each["seconds_per_item"]),
            f"{against_best['low']:+.3f} … {against_best['high']:+.3f}"
            if against_best and number != report["best"]
            else "",
            _number(against_best["p"]) if against_best and number != report["best"] else "",
            _mark(report, number),
        )


def _mark(report: dict[str, Any], number: int) -> str:
    if report["best"] is None:
        return ""
    words = [word for word in ("best", "cheapest") if report[word] == number]
    return ", ".join(words) or ("worse" if report["comparisons"][number]["worse"] else "")


def _show_labels(best: dict[str, Any]) -> None:
    figures = ("match", "support") if best["fields"] else ("precision", "recall", "F1", "support")
    rows = [*map(_field, best["fields"] or ()), *map(_label, best["labels"] or ())]
    click.echo()
    output.table(("field" if best["fields"] else "label", *figures), rows, right=figures, title=_plain(name_of(best)))


def _field(each: dict[str, Any]) -> tuple[str, ...]:
    return (_plain(each["field"]), _number(each["match"]), str(each["support"]))


def _label(each: dict[str, Any]) -> tuple[str, ...]:
    shares = (_number(each[name]) for name in ("precision", "recall", "f1"))
    return (_plain(each["label"]), *shares, str(each["support"]))


def _show_confusion(best: dict[str, Any]) -> None:
    pairs = mixed_up(best)[:_MOST]
    if pairs:
        rows = [(_plain(gold), _plain(answer or NO_ANSWER), str(count)) for gold, answer, count in pairs]
        click.echo()
        output.table(("gold", "answer", "items"), rows, right={"items"})


def _plain(text: str) -> str:
    """Text from files as it stands there, but for the characters that control a terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _share(shares: dict[str, Any] | None, name: str) -> str:
    return _number(shares[name] if shares else None)


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _dollars(value: float | None) -> str:
    return "?" if value is None else f"${value:.6f}"
