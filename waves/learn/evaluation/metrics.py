"""The metrics of one setting, as its report holds them. Names and order of the fields are those of the JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Average:
    """Precision, recall and F1, averaged over the labels."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """`support`: the number of items whose gold has this label."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class FieldMetrics:
    """`match` is the share of items whose answer has exactly the gold's value, of the `support` whose gold names the
    field."""

    field: str
    match: float
    support: int


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """True and false positives and negatives of one label."""

    label: str
    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True, slots=True)
class LabelConfusion:
    """For labels that may co-occur: nobody can say which label was taken for which."""

    per_label: tuple[LabelCounts, ...]


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """For exactly one label per item: `matrix[i][j]` is the number of items of gold label i that got label j. The
    matrix has one more column, the last: items without an answer."""

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """A rubric that classifies has all but `fields`; its averages are None where no label occurs. A rubric that
    extracts has `exact_match` and `fields` alone."""

    exact_match: float
    macro: Average | None = None
    micro: Average | None = None
    weighted: Average | None = None
    labels: tuple[LabelMetrics, ...] | None = None
    confusion: ConfusionMatrix | LabelConfusion | None = None
    fields: tuple[FieldMetrics, ...] | None = None
