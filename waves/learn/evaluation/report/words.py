"""What the reports of an evaluation say in words, on a terminal and in HTML alike."""

from __future__ import annotations

from collections.abc import Iterator

from waves.learn.evaluation.metrics import ConfusionMatrix, Metrics
from waves.learn.evaluation.report.model import EvaluationReport, GoldReport, SettingReport

NO_ANSWER = "no answer"


def setting_name(setting: SettingReport) -> str:
    return f"{setting.rubric_version}, {setting.model} on {setting.backend}, batches of {setting.batch_size}"


def report_notes(report: EvaluationReport) -> list[str]:
    """What a table of figures does not show."""
    notes = list(gold_notes(report.gold)) if report.gold else []
    notes += [_unanswered_note(setting) for setting in report.settings if setting.answered < setting.items]
    ranking = report.ranking
    if ranking is None:
        ending = report.ending
        return [*notes, f"{ending.state.replace('_', ' ')}: {ending.reason}; the same command goes on"]
    if ranking.cheapest is not None and len(report.settings) > 1:
        basis = "by price" if ranking.axis == "cost_usd_per_item" else "by tokens, because there is no price"
        cheapest = setting_name(report.settings[ranking.cheapest])
        notes.append(f"the cheapest that is not significantly worse than the best, {basis}: {cheapest}")
    return notes


def gold_notes(gold: GoldReport) -> Iterator[str]:
    missing = gold.missing
    if missing.count:
        more = ", …" if missing.count > len(missing.ids) else ""
        yield f"{missing.count} rows of the gold are not in the source: {'; '.join(missing.ids)}{more}"
    if gold.forgotten:
        yield f"{gold.forgotten} rows of the gold were forgotten since they were asked, and are left out"


def _unanswered_note(setting: SettingReport) -> str:
    count = setting.items - setting.answered
    more = ", …" if count > len(setting.unanswered) else ""
    ids = ", ".join(setting.unanswered)
    return f"{setting_name(setting)}: {count} items got no answer and count as wrong: {ids}{more}"


def confused_labels(metrics: Metrics) -> list[tuple[str, str | None, int]]:
    """(gold label, the label it got or None for no answer, items), the most frequent first. None where labels may
    co-occur: nobody can say which label was taken for which."""
    if not isinstance(metrics.confusion, ConfusionMatrix):
        return []
    labels = metrics.confusion.labels
    answers: tuple[str | None, ...] = (*labels, None)
    pairs = [
        (label, answer, count)
        for label, counts in zip(labels, metrics.confusion.matrix, strict=True)
        for answer, count in zip(answers, counts, strict=True)
        if count and answer != label
    ]
    return sorted(pairs, key=lambda pair: -pair[2])
