"""The report of an evaluation as JSON: what `wave eval --json` prints, and what is stored of each setting.

Keys and their order are a contract (docs/design.md).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from waves.learn.evaluation.calibration import Calibration
from waves.learn.evaluation.metrics import ConfusionMatrix, Metrics
from waves.learn.evaluation.ranking import Ranking
from waves.learn.evaluation.report.model import EvaluationForecast, EvaluationReport, SettingReport


def evaluation_json(report: EvaluationReport) -> dict[str, Any]:
    return {
        "theme": report.theme_id,
        "run_id": report.run_id,
        "state": report.ending.state,
        "reason": report.ending.reason,
        "gold": asdict(report.gold) if report.gold else None,
        "settings": [setting_json(setting) for setting in report.settings],
        **_ranking_json(report.ranking),
    }


def setting_json(setting: SettingReport) -> dict[str, Any]:
    """One flat object: metrics and cost are not nested."""
    flat = asdict(setting)
    for name in ("metrics", "calibration", "cost"):
        del flat[name]
    calibration = _calibration_json(setting.calibration) if setting.calibration else None
    return {**flat, **_metrics_json(setting.metrics), "calibration": calibration, **asdict(setting.cost)}


def forecast_json(forecast: EvaluationForecast) -> dict[str, Any]:
    return {
        "theme": forecast.theme_id,
        "state": "dry_run",
        "gold": asdict(forecast.gold),
        "settings": [asdict(setting) for setting in forecast.settings],
        "cost_usd": forecast.cost_usd,
    }


def _metrics_json(metrics: Metrics) -> dict[str, Any]:
    fields = asdict(metrics)
    if isinstance(metrics.confusion, ConfusionMatrix):
        fields["confusion"]["labels"] = [*metrics.confusion.labels, None]  # the last column: no answer
    return fields


def _calibration_json(calibration: Calibration) -> dict[str, Any]:
    bins = [
        {"from": each.lower, "to": each.upper, "count": each.count, "confidence": each.confidence, "exact": each.exact}
        for each in calibration.bins
    ]
    return {"error": calibration.error, "answers": calibration.answers, "bins": bins}


def _ranking_json(ranking: Ranking | None) -> dict[str, Any]:
    if ranking is None:
        return {"best": None, "cheapest": None}
    comparisons = [{**asdict(comparison), "worse": comparison.worse} for comparison in ranking.comparisons]
    return {**asdict(ranking), "comparisons": comparisons}
