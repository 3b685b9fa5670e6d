"""What people read: text from files is neither markup nor HTML, and says what the figures do not."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from waves.config import rubric as rubrics
from waves.learn.evaluation.calibration import calibrate
from waves.learn.evaluation.cost import SettingCost, Tokens
from waves.learn.evaluation.measure import ItemScores, ScoredItem, measure
from waves.learn.evaluation.ranking import rank_settings
from waves.learn.evaluation.report.html import evaluation_html
from waves.learn.evaluation.report.model import EvaluationReport, GoldReport, MissingRows, SettingReport
from waves.learn.evaluation.report.words import report_notes
from waves.models import Ending
from waves.surfaces.cli.tables.evaluation import show

if TYPE_CHECKING:
    import pytest

HOSTILE = "[red]<b>&\x1b[31m"
COST = SettingCost(1, None, None, Tokens(None, None, None, None), 7.0, 0.5)
GOLD = GoldReport("0" * 64, 3, MissingRows(7, ("1", "2")), 0)


def setting_of(judged: list[ScoredItem], batch_size: int) -> tuple[SettingReport, ItemScores]:
    text = '---\nkind: classify\nlabels: {"[red]<b>&\\e[31m": x, plain: y}\n---\nJudge.'
    metrics, scores = measure(judged, rubrics.parse(text, "v1", Path("v1.md")))
    unanswered = tuple(str(n) for n, item in enumerate(judged) if item.output is None)
    setting = SettingReport(
        rubric_version="v1-abc",
        backend="b",
        model=HOSTILE,
        batch_size=batch_size,
        evaluation_id="v1-abc-1",
        gold_sha256=GOLD.sha256,
        items=len(judged),
        whole=True,
        answered=len(judged) - len(unanswered),
        unanswered=unanswered[:5],
        metrics=metrics,
        calibration=calibrate(scores.exact.tolist(), [item.confidence for item in judged]),
        cost=COST,
    )
    return setting, scores


def report_of(*settings: list[ScoredItem]) -> EvaluationReport:
    measured = [setting_of(judged, number) for number, judged in enumerate(settings, 1)]
    reports = tuple(setting for setting, _ in measured)
    ranking = rank_settings([setting.cost for setting in reports], [scores for _, scores in measured])
    return EvaluationReport("t", "r", Ending("converged"), GOLD, reports, ranking)


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
    parser.feed(evaluation_html(report_of(WRONG, RIGHT)))
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
    def named(report: EvaluationReport) -> bool:
        return any(note.startswith("the cheapest") for note in report_notes(report))

    assert named(report_of(WRONG, RIGHT))
    assert not named(report_of(RIGHT))


def test_an_interrupted_evaluation_says_why_and_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    show(replace(report_of(RIGHT), ending=Ending("over_budget", "the cap is reached"), ranking=None))
    assert "over budget: the cap is reached; the same command goes on" in capsys.readouterr().out
