"""What `wave eval` shows a person: the settings side by side, the labels of the best one, what it mixes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waves.learn.evaluation.report.words import NO_ANSWER, mixed_up, name_of, notes
from waves.surfaces.cli import output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_MOST = 10
"""Pairs of labels that are mixed up most often."""


def show(report: dict[str, Any]) -> None:
    """The report of `wave eval --json` as tables; where it was interrupted, what was finished and why no more."""
    console = output.console()
    settings = report["settings"]
    if settings:
        _side_by_side(console, report)
    if report["best"] is not None:
        best = settings[report["best"]]
        _labels(console, best)
        _confusion(console, best)
    for note in notes(report):
        console.print(_plain(note), soft_wrap=True)


def _side_by_side(console: Console, report: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("rubric", "model", "batch"):
        table.add_column(name)
    names = ("answered", "macro F1", "micro F1", "exact", "ECE", "$/item", "tokens/item", "s/item", "to best", "p")
    for name in (*names, ""):
        table.add_column(name, justify="right")
    for number, each in enumerate(report["settings"]):
        told = report["comparisons"][number] if report["best"] is not None else None
        table.add_row(
            _plain(each["rubric_version"]),
            _plain(each["model"]),
            str(each["batch_size"]),
            f"{each['answered']:,}/{each['items']:,}",
            _share(each["macro"], "f1") if each["fields"] is None else _number(told and told["score"]),
            _share(each["micro"], "f1"),
            _number(each["exact_match"]),
            _share(each["calibration"], "error"),
            _dollars(each["cost_usd_per_item"]),
            _number(each["tokens_per_item"], 1),
            _number(each["seconds_per_item"]),
            f"{told['low']:+.3f} … {told['high']:+.3f}" if told and number != report["best"] else "",
            _number(told["p"]) if told and number != report["best"] else "",
            _mark(report, number),
        )
    console.print(table)


def _mark(report: dict[str, Any], number: int) -> str:
    if report["best"] is None:
        return ""
    words = [word for word in ("best", "cheapest") if report[word] == number]
    return ", ".join(words) or ("worse" if report["comparisons"][number]["worse"] else "")


def _labels(console: Console, best: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=_plain(name_of(best)), title_justify="left", title_style="")
    table.add_column("field" if best["fields"] else "label")
    for name in ("match", "support") if best["fields"] else ("precision", "recall", "F1", "support"):
        table.add_column(name, justify="right")
    for each in best["fields"] or ():
        table.add_row(_plain(each["field"]), _number(each["match"]), str(each["support"]))
    for each in best["labels"] or ():
        shares = [_number(each[name]) for name in ("precision", "recall", "f1")]
        table.add_row(_plain(each["label"]), *shares, str(each["support"]))
    console.print()
    console.print(table)


def _confusion(console: Console, best: dict[str, Any]) -> None:
    from rich.table import Table

    pairs = mixed_up(best)[:_MOST]
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


def _share(shares: dict[str, Any] | None, name: str) -> str:
    return _number(shares[name] if shares else None)


def _number(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _dollars(value: float | None) -> str:
    return "?" if value is None else f"${value:.6f}"
