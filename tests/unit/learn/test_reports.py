"""What people read: text from files is neither markup nor HTML, and says what the figures do not."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waves.config import rubric as rubrics
from waves.learn.evaluation.calibration import calibrate
from waves.learn.evaluation.measure import ScoredItem, measure
from waves.learn.evaluation.ranking import conclude
from waves.learn.evaluation.report.html import page
from waves.learn.evaluation.report.words import notes
from waves.surfaces.cli.tables.evaluation import show

if TYPE_CHECKING:
    import pytest

HOSTILE = "[red]<b>&\x1b[31m"
EXPENSE = {"cost_usd_per_item": None, "tokens_per_item": 7.0, "seconds_per_item": 0.5}


def report_of(*settings: list[ScoredItem]) -> dict[str, Any]:
    names = {"version": "v1-abc", "model": HOSTILE}
    text = '---\nkind: classify\nlabels: {"[red]<b>&\\e[31m": x, plain: y}\n---\nJudge.'
    rubric = rubrics.parse(text, "v1", Path("v1.md"))
    found: list[dict[str, Any]] = []
    marks = []
    for judged in settings:
        figures, mark = measure(judged, rubric)
        silent = [str(n) for n, one in enumerate(judged) if one.output is None]
        about = {
            "rubric_version": names["version"],
            "model": names["model"],
            "backend": "b",
            "batch_size": len(found) + 1,
        }
        counts = {"items": len(judged), "answered": len(judged) - len(silent), "unanswered": silent[:5]}
        calibration = calibrate(mark.exact.tolist(), [one.confidence for one in judged])
        found.append({**about, **counts, **figures, **EXPENSE, "calibration": calibration})
        marks.append(mark)
    gold = {"items": 3, "missing": {"count": 7, "ids": ["1", "2"]}, "forgotten": 0}
    about = {"theme": "t", "run_id": "r", "state": "converged", "reason": None, "gold": gold, "settings": found}
    return {**about, **conclude(found, marks)}


RIGHT = [ScoredItem({"labels": [HOSTILE]}, {"labels": [HOSTILE]}, 0.9)] * 3
WRONG = [
    *RIGHT[:1],
    ScoredItem({"labels": [HOSTILE]}, {"labels": ["plain"]}, 0.9),
    ScoredItem({"labels": ["plain"]}, None),
]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in {"href", "src"} for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_holds_no_script_no_link_and_every_label_as_text() -> None:
    parser = Tags()
    parser.feed(page(report_of(WRONG, RIGHT)))
    assert not parser.seen & {"script", "b", "a", "img", "link", "iframe"}
    assert {"svg", "table", "meta"} <= parser.seen
    assert HOSTILE in parser.text
    assert "no answer" in parser.text


def test_a_table_shows_labels_as_they_are_and_controls_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(report_of(WRONG))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]<b>&\N{REPLACEMENT CHARACTER}[31m" in shown
    assert "7 rows of the gold are not in the source: 1; 2, …" in shown
    assert "1 items got no answer and count as wrong: 2" in shown


def test_the_cheapest_is_named_where_there_is_a_choice() -> None:
    def named(report: dict[str, Any]) -> bool:
        return any(note.startswith("the cheapest") for note in notes(report))

    assert named(report_of(WRONG, RIGHT))
    assert not named(report_of(RIGHT))


def test_an_interrupted_evaluation_says_why_and_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(RIGHT) | {"state": "over_budget", "reason": "the cap is reached", "best": None}
    show(report)
    assert "over budget: the cap is reached; the same command goes on" in capsys.readouterr().out
