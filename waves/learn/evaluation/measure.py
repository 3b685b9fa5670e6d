"""How well answers agree with gold, by scikit-learn: precision, recall, F1 of each label and on average, confusion.

An item without an answer counts as wrong: no label was given. Averages are over the labels that occur in the gold or in
an answer; any other label says nothing. A share of nothing, where no label was given or none is due, is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from waves.config.rubric import Rubric
from waves.learn.evaluation.metrics import (
    Average,
    ConfusionMatrix,
    FieldMetrics,
    LabelConfusion,
    LabelCounts,
    LabelMetrics,
    Metrics,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One item of gold: what is expected, and the model's answer; `output` is None where there is no answer."""

    expected: Mapping[str, Any] = field(hash=False)
    output: Mapping[str, Any] | None = field(hash=False)
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The scores of one setting, item by item; two settings are compared by them. `exact` is for each item, `gained` of
    `possible` for each item and label (or field), so that the score of any selection of items is the mean over the
    labels of Σ gained / Σ possible. For F1 that is 2·tp of 2·tp + fp + fn."""

    exact: Flags
    gained: Matrix
    possible: Matrix


def measure(items: Sequence[ScoredItem], rubric: Rubric) -> tuple[Metrics, ItemScores]:
    """The metrics of one setting, and its scores item by item."""
    return _measure_fields(items) if rubric.kind == "extract" else _measure_labels(items, rubric)


def _measure_labels(items: Sequence[ScoredItem], rubric: Rubric) -> tuple[Metrics, ItemScores]:
    from sklearn.metrics import accuracy_score

    given = [item.output["labels"] if item.output is not None else [] for item in items]
    due = [item.expected["labels"] for item in items]
    seen = {label for labels in (*given, *due) for label in labels}
    labels = [label for label in rubric.labels if label in seen]
    truth = _indicator(due, labels, [True] * len(items))
    answer = _indicator(given, labels, [item.output is not None for item in items])
    confusion = _label_confusion if rubric.multi else _confusion_matrix
    metrics = Metrics(
        exact_match=float(accuracy_score(truth, answer)),
        macro=_average(truth, answer, labels, "macro"),
        micro=_average(truth, answer, labels, "micro"),
        weighted=_average(truth, answer, labels, "weighted"),
        labels=_each_label(truth, answer, labels),
        confusion=confusion(truth, answer, labels),
    )
    both = (truth & answer)[:, : len(labels)]
    either = (truth + answer)[:, : len(labels)]
    return metrics, ItemScores((truth == answer).all(axis=1), 2 * both, either)


def _indicator(chosen: Sequence[Sequence[str]], labels: Sequence[str], answered: Sequence[bool]) -> Matrix:
    """A row for each item, a column for each label and a last one for "no answer", which is never right."""
    import numpy as np

    column = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((len(chosen), len(labels) + 1), dtype=np.int64)
    for row, (of_item, has_answer) in enumerate(zip(chosen, answered, strict=True)):
        matrix[row, [column[label] for label in of_item]] = 1
        matrix[row, -1] = not has_answer
    return matrix


def _average(
    truth: Matrix, answer: Matrix, labels: Sequence[str], average: Literal["macro", "micro", "weighted"]
) -> Average | None:
    from sklearn.metrics import precision_recall_fscore_support

    if not labels:
        return None
    *shares, _ = precision_recall_fscore_support(
        truth, answer, labels=range(len(labels)), average=average, zero_division=0
    )
    return Average(*map(float, shares))


def _each_label(truth: Matrix, answer: Matrix, labels: Sequence[str]) -> tuple[LabelMetrics, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    if not labels:
        return ()
    columns = precision_recall_fscore_support(truth, answer, labels=range(len(labels)), average=None, zero_division=0)
    return tuple(
        LabelMetrics(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )


def _label_confusion(truth: Matrix, answer: Matrix, labels: Sequence[str]) -> LabelConfusion:
    from sklearn.metrics import multilabel_confusion_matrix

    matrices = multilabel_confusion_matrix(truth, answer, labels=range(len(labels))) if labels else []
    return LabelConfusion(
        tuple(
            LabelCounts(label, int(tp), int(fp), int(fn), int(tn))
            for label, ((tn, fp), (fn, tp)) in zip(labels, matrices, strict=True)
        )
    )


def _confusion_matrix(truth: Matrix, answer: Matrix, labels: Sequence[str]) -> ConfusionMatrix:
    from sklearn.metrics import confusion_matrix

    rows = confusion_matrix(truth.argmax(axis=1), answer.argmax(axis=1), labels=range(len(labels) + 1))[:-1]
    return ConfusionMatrix(tuple(labels), tuple(tuple(row) for row in rows.tolist()))


def _measure_fields(items: Sequence[ScoredItem]) -> tuple[Metrics, ItemScores]:
    """Each field that gold names: the share of items whose answer has exactly this value."""
    import numpy as np

    names = sorted({name for item in items for name in item.expected})
    possible = np.array([[name in item.expected for name in names] for item in items], dtype=np.int64)
    gained = np.array([[_matches(item, name) for name in names] for item in items], dtype=np.int64)
    exact = (gained == possible).all(axis=1)
    due, right = possible.sum(axis=0), gained.sum(axis=0)
    fields = tuple(FieldMetrics(name, float(right[n] / due[n]), int(due[n])) for n, name in enumerate(names))
    return Metrics(float(exact.mean()), fields=fields), ItemScores(exact, gained, possible)


def _matches(item: ScoredItem, name: str) -> bool:
    if name not in item.expected or item.output is None or name not in item.output:
        return False
    return bool(item.output[name] == item.expected[name])
