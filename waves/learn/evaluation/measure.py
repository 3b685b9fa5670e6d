"""How well answers agree with gold, by scikit-learn: precision, recall, F1 of each label and on average, confusion.

An item without an answer counts as wrong: no label was given. Averages are over the labels that occur in the gold or in
an answer; what neither names says nothing. Where nothing was given or nothing is due, a share is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from waves.config.rubric import Rubric
from waves.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.int64]
    Flags = NDArray[np.bool_]

AVERAGES = ("macro", "micro", "weighted")


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One item of gold: what is expected, and what the model said; None where it gave no answer."""

    expected: Mapping[str, Any] = field(hash=False)
    output: Mapping[str, Any] | None = field(hash=False)
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What two settings are compared by: `exact` for each item, and `gained` of `possible` for each item and label (or
    field), so that the score of any choice of items is the mean over the labels of Σ gained / Σ possible. For F1 that
    is 2·tp of 2·tp + fp + fn."""

    exact: Flags
    gained: Matrix
    possible: Matrix


def require_sklearn() -> None:
    """ConfigurationError where the extra is not installed; asked before anything is paid."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise ConfigurationError("scikit-learn is not installed", "pip install headless-waves[eval]")


def measure(judged: Sequence[ScoredItem], rubric: Rubric) -> tuple[dict[str, Any], Marks]:
    """The figures of one setting as the report has them, and its marks."""
    return _of_fields(judged) if rubric.kind == "extract" else _of_labels(judged, rubric)


def _of_labels(judged: Sequence[ScoredItem], rubric: Rubric) -> tuple[dict[str, Any], Marks]:
    from sklearn.metrics import accuracy_score

    given = [one.output["labels"] if one.output is not None else [] for one in judged]
    due = [one.expected["labels"] for one in judged]
    seen = {label for labels in (*given, *due) for label in labels}
    labels = [label for label in rubric.labels if label in seen]
    truth = _indicator(due, labels, [True] * len(judged))
    said = _indicator(given, labels, [one.output is not None for one in judged])
    figures = {
        "exact_match": float(accuracy_score(truth, said)),
        **_averages(truth, said, len(labels)),
        "labels": _each_label(truth, said, labels),
        "confusion": _per_label(truth, said, labels) if rubric.multi else _matrix(truth, said, labels),
        "fields": None,
    }
    both = (truth & said)[:, : len(labels)]
    either = (truth + said)[:, : len(labels)]
    return figures, Marks((truth == said).all(axis=1), 2 * both, either)


def _indicator(chosen: Sequence[Sequence[str]], labels: Sequence[str], answered: Sequence[bool]) -> Matrix:
    """A row for each item, a column for each label and a last one for "no answer", which is never right."""
    import numpy as np

    column = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((len(chosen), len(labels) + 1), dtype=np.int64)
    for row, (mine, came) in enumerate(zip(chosen, answered, strict=True)):
        matrix[row, [column[label] for label in mine]] = 1
        matrix[row, -1] = not came
    return matrix


def _averages(truth: Matrix, said: Matrix, labels: int) -> dict[str, dict[str, float] | None]:
    from sklearn.metrics import precision_recall_fscore_support as measured

    if not labels:
        return dict.fromkeys(AVERAGES)
    found = {}
    for average in AVERAGES:
        *shares, _ = measured(truth, said, labels=range(labels), average=average, zero_division=0)
        found[average] = dict(zip(("precision", "recall", "f1"), map(float, shares), strict=True))
    return found  # type: ignore[return-value] # every value is there


def _each_label(truth: Matrix, said: Matrix, labels: Sequence[str]) -> list[dict[str, Any]]:
    from sklearn.metrics import precision_recall_fscore_support as measured

    if not labels:
        return []
    columns = measured(truth, said, labels=range(len(labels)), average=None, zero_division=0)
    return [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]


def _per_label(truth: Matrix, said: Matrix, labels: Sequence[str]) -> dict[str, Any]:
    from sklearn.metrics import multilabel_confusion_matrix

    found = multilabel_confusion_matrix(truth, said, labels=range(len(labels))) if labels else []
    counts = [
        {"label": label, "tp": int(tp), "fp": int(fp), "fn": int(fn), "tn": int(tn)}
        for label, ((tn, fp), (fn, tp)) in zip(labels, found, strict=True)
    ]
    return {"per_label": counts}


def _matrix(truth: Matrix, said: Matrix, labels: Sequence[str]) -> dict[str, Any]:
    """`matrix[i][j]`: so many items of gold label i got label j; the last column is "no answer"."""
    from sklearn.metrics import confusion_matrix

    found = confusion_matrix(truth.argmax(axis=1), said.argmax(axis=1), labels=range(len(labels) + 1))
    return {"labels": [*labels, None], "matrix": found[:-1].tolist()}


def _of_fields(judged: Sequence[ScoredItem]) -> tuple[dict[str, Any], Marks]:
    """Each field that gold names: the share of items whose answer has exactly this value."""
    import numpy as np

    names = sorted({name for one in judged for name in one.expected})
    possible = np.array([[name in one.expected for name in names] for one in judged], dtype=np.int64)
    gained = np.array([[_is_right(one, name) for name in names] for one in judged], dtype=np.int64)
    exact = (gained == possible).all(axis=1)
    due, right = possible.sum(axis=0), gained.sum(axis=0)
    figures = {
        "exact_match": float(exact.mean()),
        **dict.fromkeys((*AVERAGES, "labels", "confusion")),
        "fields": [
            {"field": name, "match": float(right[n] / due[n]), "support": int(due[n])} for n, name in enumerate(names)
        ],
    }
    return figures, Marks(exact, gained, possible)


def _is_right(one: ScoredItem, name: str) -> bool:
    if name not in one.expected or one.output is None or name not in one.output:
        return False
    return bool(one.output[name] == one.expected[name])
