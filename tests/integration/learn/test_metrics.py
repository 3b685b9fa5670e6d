"""Figures against scikit-learn called directly, on any labels, answers and gaps; scores, comparison and Pareto line."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.learn.evaluation.calibration import calibrate
from waves.learn.evaluation.cost import SettingCost, Tokens
from waves.learn.evaluation.measure import ItemScores, ScoredItem, measure
from waves.learn.evaluation.metrics import ConfusionMatrix, LabelConfusion, Metrics
from waves.learn.evaluation.ranking import rank_settings
from waves.learn.evaluation.significance import RESAMPLES, SEED, compare_with_best, total_score

LABELS = ("a", "b", "c", "d")
EXACTLY = 1e-9
several = st.lists(st.sampled_from(LABELS), unique=True).map(sorted)
single = st.sampled_from(LABELS).map(lambda label: [label])


def rubric(*, multi: bool) -> Rubric:
    names = ", ".join(f"{label}: x" for label in LABELS)
    text = f"---\nkind: classify\nmulti: {str(multi).lower()}\nlabels: {{{names}}}\n---\nJudge."
    return rubrics.parse(text, "v1", Path("v1.md"))


MULTI, SINGLE = rubric(multi=True), rubric(multi=False)


def judged(pairs: list[tuple[list[str], list[str] | None]]) -> list[ScoredItem]:
    return [ScoredItem({"labels": due}, None if answer is None else {"labels": answer}) for due, answer in pairs]


def occurring(pairs: list[tuple[list[str], list[str] | None]]) -> list[str]:
    return [label for label in LABELS if any(label in due or label in (answer or []) for due, answer in pairs)]


def same_averages(metrics: Metrics, truth: Any, answers: Any, labels: Any) -> None:
    for average in ("macro", "micro", "weighted"):
        *shares, _ = precision_recall_fscore_support(truth, answers, labels=labels, average=average, zero_division=0)
        assert astuple(getattr(metrics, average)) == pytest.approx(shares, abs=EXACTLY)


@settings(max_examples=25)
@given(st.lists(st.tuples(several, st.none() | several), min_size=1, max_size=12))
def test_several_labels_are_counted_as_scikit_learn_counts_them(pairs: list[Any]) -> None:
    metrics, scores = measure(judged(pairs), MULTI)
    labels = occurring(pairs)
    exact = [answer is not None and due == answer for due, answer in pairs]
    assert scores.exact.tolist() == exact
    assert metrics.exact_match == pytest.approx(sum(exact) / len(pairs), abs=EXACTLY)
    if not labels:
        assert metrics.macro is None
        return
    binarizer = MultiLabelBinarizer(classes=[*labels, "never"])
    truth = binarizer.fit_transform([due for due, _ in pairs])
    answers = binarizer.transform([answer or [] for _, answer in pairs])
    same_averages(metrics, truth, answers, range(len(labels)))
    assert metrics.macro is not None
    assert total_score(scores) == pytest.approx(metrics.macro.f1, abs=EXACTLY)
    assert metrics.labels is not None
    assert [each.label for each in metrics.labels] == labels
    assert isinstance(metrics.confusion, LabelConfusion)
    assert [each.tp + each.fn for each in metrics.confusion.per_label] == [each.support for each in metrics.labels]


@settings(max_examples=25)
@given(st.lists(st.tuples(single, st.none() | single), min_size=1, max_size=12))
def test_one_label_is_counted_as_scikit_learn_counts_it_and_no_answer_is_wrong(pairs: list[Any]) -> None:
    metrics, scores = measure(judged(pairs), SINGLE)
    labels = occurring(pairs)
    truth = [due[0] for due, _ in pairs]
    answers = ["" if answer is None else answer[0] for _, answer in pairs]
    same_averages(metrics, truth, answers, labels)
    assert metrics.macro is not None
    assert total_score(scores) == pytest.approx(metrics.macro.f1, abs=EXACTLY)
    assert metrics.exact_match == pytest.approx(accuracy_score(truth, answers), abs=EXACTLY)
    matrix = confusion_matrix(truth, answers, labels=[*labels, ""])[:-1]
    assert metrics.confusion == ConfusionMatrix(tuple(labels), tuple(map(tuple, matrix.tolist())))


def test_confidence_that_means_what_it_says_has_no_error() -> None:
    calibration = calibrate([True, True, True, True, False], [0.8] * 5)
    assert calibration is not None
    assert calibration.error == pytest.approx(0)
    assert calibrate([True, False], [None, None]) is None


def test_the_error_is_weighted_by_the_answers_of_a_bin_and_a_bin_holds_its_upper_bound() -> None:
    calibration = calibrate([True, False, False, True], [0.0, 0.1, 0.100001, None])
    assert calibration is not None
    assert [(each.count, each.exact) for each in calibration.bins] == [(2, 0.5), (1, 0.0)]
    assert calibration.error == pytest.approx((2 * abs(0.5 - 0.05) + 0.100001) / 3)


def _scores(truth: list[str], answers: list[str]) -> ItemScores:
    return measure(judged([([due], [answer]) for due, answer in zip(truth, answers, strict=True)]), SINGLE)[1]


def test_a_worse_setting_is_distinguished_from_an_unlucky_one() -> None:
    truth = [*LABELS] * 30
    unlucky = ["b" if number == 0 else label for number, label in enumerate(truth)]
    worse = ["b" if label == "a" else label for label in truth]
    best, one_off, wrong = compare_with_best([_scores(truth, truth), _scores(truth, unlucky), _scores(truth, worse)], 0)
    assert (best.worse, best.p, best.low, best.high) == (False, 1.0, 0.0, 0.0)
    assert (one_off.worse, one_off.wins, one_off.losses, one_off.p) == (False, 0, 1, 1.0)
    assert (wrong.worse, wrong.losses) == (True, 30)
    assert wrong.p == pytest.approx(binomtest(0, 30).pvalue)
    assert wrong.low <= wrong.difference <= wrong.high < 0


def _macro_f1(truth: list[str], said: list[str]) -> float:
    """As scikit-learn has it, which takes 2 ms each time."""
    labels = {*truth, *said}
    right = Counter(due for due, answer in zip(truth, said, strict=True) if due == answer)
    times = Counter(truth) + Counter(said)
    return sum(2 * right[label] / times[label] for label in labels) / len(labels)


def test_the_bootstrap_is_that_of_macro_f1_over_items_drawn_again() -> None:
    truth = [*LABELS] * 10
    answers = [LABELS[(number * 7) % 4] if number % 3 else label for number, label in enumerate(truth)]
    scores = [_scores(truth, truth), _scores(truth, answers)]
    chance = np.random.default_rng(SEED)
    drawn = [chance.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES)]
    macros = [_macro_f1([truth[n] for n in each], [answers[n] for n in each]) for each in drawn]
    for each, macro in list(zip(drawn, macros, strict=True))[:20]:
        due, given_ = [truth[n] for n in each], [answers[n] for n in each]
        assert macro == pytest.approx(f1_score(due, given_, average="macro", zero_division=0), abs=EXACTLY)
    differences = [macro - 1 for macro in macros]
    _, comparison = compare_with_best(scores, 0)
    assert (comparison.low, comparison.high) == pytest.approx(
        tuple(np.quantile(differences, [0.025, 0.975])), abs=EXACTLY
    )
    assert compare_with_best(scores, 0)[1] == comparison


def _cost(usd: float | None, tokens: float | None) -> SettingCost:
    return SettingCost(1, usd, usd, Tokens(None, None, None, None), tokens, 0.5)


def test_the_cheapest_that_is_not_significantly_worse_is_named_and_the_line_of_those_that_nothing_beats() -> None:
    truth = [*LABELS] * 30
    unlucky = _scores(truth, ["b", *truth[1:]])
    wrong = _scores(truth, ["b"] * len(truth))
    scores = [_scores(truth, truth), unlucky, wrong, unlucky]
    ranking = rank_settings([_cost(3, 1), _cost(2, 1), _cost(1, 1), _cost(2.5, 1)], scores)
    assert (ranking.axis, ranking.best, ranking.cheapest) == ("cost_usd_per_item", 0, 1)
    assert ranking.pareto == (2, 1, 0)


@pytest.mark.parametrize(
    ("of_both", "axis", "cheapest"),
    [
        ([_cost(None, 5), _cost(0.1, 9)], "tokens_per_item", 0),
        ([_cost(0.0, 9), _cost(0.0, 5)], "tokens_per_item", 1),
        ([_cost(None, 5), _cost(None, None)], None, None),
    ],
)
def test_tokens_stand_for_a_price_that_nobody_knows(
    of_both: list[SettingCost], axis: str | None, cheapest: int | None
) -> None:
    ranking = rank_settings(of_both, [_scores(["a"], ["a"])] * 2)
    assert (ranking.axis, ranking.cheapest) == (axis, cheapest)
    assert (ranking.pareto is None) == (axis is None)
