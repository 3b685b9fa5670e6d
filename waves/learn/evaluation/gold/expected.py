"""The verdict of a person in the fields of a rubric: what the right answer would be."""

from __future__ import annotations

from typing import Any

from waves.config.rubric import Rubric
from waves.errors import BadDataError
from waves.learn.evaluation.gold.entries import GoldEntry


def expected_output(entry: GoldEntry, rubric: Rubric) -> dict[str, Any]:
    """BadDataError for a label or a field that the rubric does not know."""
    return _expected_fields(entry, rubric) if rubric.kind == "extract" else _expected_labels(entry, rubric)


def _expected_labels(entry: GoldEntry, rubric: Rubric) -> dict[str, Any]:
    """The labels in the order of the rubric, each of them once."""
    labels = _labels(entry)
    unknown = [label for label in labels if label not in rubric.labels]
    if unknown:
        raise BadDataError(
            f"{entry.where}: unknown label {unknown[0]!r}",
            f"Labels of rubric {rubric.version}: {', '.join(rubric.labels)}.",
        )
    if not rubric.multi and len(set(labels)) != 1:
        raise BadDataError(
            f"{entry.where}: {len(set(labels))} labels, but rubric {rubric.version} gives exactly one",
            "Give one label, or set `multi: true` in the rubric.",
        )
    return {"labels": [label for label in rubric.labels if label in labels]}


def _labels(entry: GoldEntry) -> list[str]:
    """From a label, a list of labels, or an object as a model would answer."""
    verdict = entry.verdict
    if isinstance(verdict, dict) and verdict.keys() <= {"labels", "confidence"}:
        verdict = verdict.get("labels")
    labels = [verdict] if isinstance(verdict, str) else verdict
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise BadDataError(f"{entry.where}: this is neither a label nor a list of labels", "Give `label` or `labels`.")
    return labels


def _expected_fields(entry: GoldEntry, rubric: Rubric) -> dict[str, Any]:
    known = [name for name in rubric.schema["properties"] if name != "confidence"]
    if not isinstance(entry.verdict, dict) or not entry.verdict:
        raise BadDataError(f"{entry.where}: this is not an object of fields", f"Give `output` with some of {known}.")
    unknown = sorted(set(entry.verdict) - set(known))
    if unknown:
        raise BadDataError(
            f"{entry.where}: unknown field {unknown[0]!r}", f"Fields of rubric {rubric.version}: {', '.join(known)}."
        )
    return dict(entry.verdict)
