"""The JSON of an evaluation byte by byte: keys, their order and their values are a contract."""

from __future__ import annotations

import json
from dataclasses import replace

from waves.learn.evaluation.calibration import Calibration, CalibrationBin
from waves.learn.evaluation.cost import SettingCost, Tokens
from waves.learn.evaluation.metrics import (
    Average,
    ConfusionMatrix,
    FieldMetrics,
    LabelConfusion,
    LabelCounts,
    LabelMetrics,
    Metrics,
)
from waves.learn.evaluation.ranking import Ranking
from waves.learn.evaluation.report.as_json import evaluation_json, forecast_json, setting_json
from waves.learn.evaluation.report.model import (
    EvaluationForecast,
    EvaluationReport,
    GoldReport,
    MissingRows,
    SettingForecast,
    SettingReport,
)
from waves.learn.evaluation.significance import PairedComparison
from waves.models import Ending

GOLD = GoldReport("12ab", 3, MissingRows(7, ("1", "2")), 1)
GOLD_JSON = '{"sha256": "12ab", "items": 3, "missing": {"count": 7, "ids": ["1", "2"]}, "forgotten": 1}'
AVERAGE = Average(0.5, 0.25, 0.125)
AVERAGE_JSON = '{"precision": 0.5, "recall": 0.25, "f1": 0.125}'
SETTING = SettingReport(
    rubric_version="v1-abc",
    backend="b",
    model="m",
    batch_size=12,
    evaluation_id="v1-abc-1",
    gold_sha256="12ab",
    items=2,
    whole=True,
    answered=1,
    unanswered=("7",),
    metrics=Metrics(
        exact_match=0.5,
        macro=AVERAGE,
        micro=AVERAGE,
        weighted=AVERAGE,
        labels=(LabelMetrics("a", 1.0, 0.5, 0.75, 2),),
        confusion=ConfusionMatrix(("a",), ((1, 1),)),
    ),
    calibration=Calibration(0.1, 1, (CalibrationBin(0.8, 0.9, 1, 0.9, 1.0),)),
    cost=SettingCost(1, 0.5, 0.25, Tokens(10, 20, None, 0), 15.0, 0.5),
)
ABOUT_JSON = (
    '"rubric_version": "v1-abc", "backend": "b", "model": "m", "batch_size": 12, "evaluation_id": "v1-abc-1", '
    '"gold_sha256": "12ab", "items": 2, "whole": true, "answered": 1, "unanswered": ["7"]'
)
AVERAGES_JSON = f'"macro": {AVERAGE_JSON}, "micro": {AVERAGE_JSON}, "weighted": {AVERAGE_JSON}'
LABELS_JSON = '"labels": [{"label": "a", "precision": 1.0, "recall": 0.5, "f1": 0.75, "support": 2}]'
CALIBRATION_JSON = (
    '{"error": 0.1, "answers": 1, "bins": [{"from": 0.8, "to": 0.9, "count": 1, "confidence": 0.9, "exact": 1.0}]}'
)
COST_JSON = (
    '"requests": 1, "cost_usd": 0.5, "cost_usd_per_item": 0.25, '
    '"tokens": {"input": 10, "output": 20, "cache_write": null, "cache_read": 0}, '
    '"tokens_per_item": 15.0, "seconds_per_item": 0.5'
)
SETTING_JSON = (
    f'{{{ABOUT_JSON}, "exact_match": 0.5, {AVERAGES_JSON}, {LABELS_JSON}, '
    f'"confusion": {{"labels": ["a", null], "matrix": [[1, 1]]}}, "fields": null, '
    f'"calibration": {CALIBRATION_JSON}, {COST_JSON}}}'
)


def test_a_setting_is_one_flat_object() -> None:
    assert json.dumps(setting_json(SETTING)) == SETTING_JSON


def test_labels_that_co_occur_have_counts_instead_of_a_matrix() -> None:
    confusion = LabelConfusion((LabelCounts("a", 1, 2, 3, 4),))
    setting = replace(SETTING, metrics=replace(SETTING.metrics, confusion=confusion), calibration=None)
    written = json.dumps(setting_json(setting))
    assert '"confusion": {"per_label": [{"label": "a", "tp": 1, "fp": 2, "fn": 3, "tn": 4}]}, "fields": null' in written
    assert '"fields": null, "calibration": null, "requests": 1' in written


def test_fields_stand_in_the_place_of_everything_about_labels() -> None:
    setting = replace(SETTING, metrics=Metrics(0.5, fields=(FieldMetrics("topic", 0.5, 2),)))
    assert (
        '"exact_match": 0.5, "macro": null, "micro": null, "weighted": null, "labels": null, "confusion": null, '
        '"fields": [{"field": "topic", "match": 0.5, "support": 2}], "calibration": '
    ) in json.dumps(setting_json(setting))


def test_the_ranking_follows_the_settings() -> None:
    ranking = Ranking(0, None, None, None, (PairedComparison(0.5, 0, 1, 1.0, 0.0, -0.5, 0.5),))
    report = EvaluationReport("t", "r", Ending("converged", "done"), GOLD, (SETTING,), ranking)
    assert json.dumps(evaluation_json(report)) == (
        f'{{"theme": "t", "run_id": "r", "state": "converged", "reason": "done", "gold": {GOLD_JSON}, '
        f'"settings": [{SETTING_JSON}], "best": 0, "cheapest": null, "axis": null, "pareto": null, '
        '"comparisons": [{"score": 0.5, "wins": 0, "losses": 1, "p": 1.0, "difference": 0.0, "low": -0.5, '
        '"high": 0.5, "worse": false}]}'
    )


def test_what_ended_early_has_no_ranking_and_perhaps_no_gold() -> None:
    report = EvaluationReport("t", "r", Ending("locked", "held"), None, (), None)
    assert json.dumps(evaluation_json(report)) == (
        '{"theme": "t", "run_id": "r", "state": "locked", "reason": "held", "gold": null, "settings": [], '
        '"best": null, "cheapest": null}'
    )


def test_a_forecast_sums_what_its_settings_would_cost() -> None:
    setting = SettingForecast("v1-abc", "b", "m", 12, 3, 2, 1, 0.5, "about $0.5")
    forecast = EvaluationForecast("t", GOLD, (setting, setting))
    assert (forecast.cost_usd, forecast.requests) == (1.0, 2)
    each = (
        '{"rubric_version": "v1-abc", "backend": "b", "model": "m", "batch_size": 12, "items": 3, "to_ask": 2, '
        '"requests": 1, "cost_usd": 0.5, "cost": "about $0.5"}'
    )
    assert json.dumps(forecast_json(forecast)) == (
        f'{{"theme": "t", "state": "dry_run", "gold": {GOLD_JSON}, "settings": [{each}, {each}], "cost_usd": 1.0}}'
    )
    assert replace(forecast, settings=(setting, replace(setting, cost_usd=None))).cost_usd is None
