"""How far two versions agree, from counts alone: pairs are added one at a time, and a few examples of each flip stay.

Labels are compared one by one (Cohen's κ, by scikit-learn) and as sets; extracted fields one by one, for equality.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from waves.learn.pilot.review import same_verdict

if TYPE_CHECKING:
    from waves.models import Output
    from waves.store.rubrics.comparisons import Pair

EXAMPLES = 3
"""Rows that are shown of each group."""
_GROUPS_WITH_EXAMPLES = 500
"""There can be as many groups as rows; the groups that come first are the common ones."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How often each version gives the label, and both do. `kappa` is None where both versions always give it or never
    do: then chance alone explains all of the agreement."""

    label: str
    old: int
    new: int
    both: int
    agreement: float
    kappa: float | None


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    field: str
    differ: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Group:
    """Flips of one kind: from the labels `old` to the labels `new`, or, of a rubric that extracts, in one field."""

    old: Labels | None
    new: Labels | None
    field: str | None
    count: int
    examples: tuple[Pair, ...]


@dataclass(slots=True)
class Agreement:
    """Adds up pairs. `labels`: those of both rubrics, or None where a rubric extracts; `single`: exactly one label is
    given, so that there is a κ over all of them."""

    labels: Sequence[str] | None
    single: bool = False
    compared: int = 0
    flips: int = 0
    _label_sets: Counter[tuple[Labels, Labels]] = field(default_factory=Counter)
    _differ: Counter[str] = field(default_factory=Counter)
    _fields: set[str] = field(default_factory=set)
    _examples: dict[object, list[Pair]] = field(default_factory=dict)

    def add(self, pair: Pair) -> None:
        differs = not same_verdict(pair.old, pair.new)
        self.compared += 1
        self.flips += differs
        if self.labels is None:
            self._add_fields(pair)
            return
        label_sets = (_labels(pair.old), _labels(pair.new))
        self._label_sets[label_sets] += 1
        if differs:
            self._keep_example(label_sets, pair)

    @property
    def exact(self) -> float:
        """The share of rows on which both versions agree exactly."""
        return (self.compared - self.flips) / self.compared

    def kappa(self) -> float | None:
        """Over all labels, where each row has exactly one."""
        return _kappa(self._label_sets) if self.labels is not None and self.single else None

    def by_label(self) -> list[LabelAgreement]:
        """The rubrics' labels in their order, then any other label that was given."""
        seen = {label for label_sets in self._label_sets for labels in label_sets for label in labels}
        known = list(dict.fromkeys([*(self.labels or ()), *sorted(seen)]))
        return [self._of_label(label) for label in known]

    def by_field(self) -> list[FieldAgreement]:
        counts = ((name, self._differ[name]) for name in sorted(self._fields))
        return [FieldAgreement(name, differ, 1 - differ / self.compared) for name, differ in counts]

    def groups(self) -> list[Group]:
        """The most frequent flips first."""
        of_labels = [
            Group(old, new, None, count, self._kept_examples((old, new)))
            for (old, new), count in self._label_sets.items()
            if old != new
        ]
        of_fields = [Group(None, None, name, count, self._kept_examples(name)) for name, count in self._differ.items()]
        return sorted([*of_labels, *of_fields], key=lambda group: (-group.count, group.old or (), group.field or ""))

    def _add_fields(self, pair: Pair) -> None:
        names = pair.old.keys() | pair.new.keys()
        self._fields |= names
        for name in names:
            if not same_verdict(_only_field(pair.old, name), _only_field(pair.new, name)):
                self._differ[name] += 1
                self._keep_example(name, pair)

    def _of_label(self, label: str) -> LabelAgreement:
        given: Counter[tuple[bool, bool]] = Counter()
        for (old, new), count in self._label_sets.items():
            given[label in old, label in new] += count
        both = given[True, True]
        agreement = (both + given[False, False]) / self.compared
        return LabelAgreement(
            label, both + given[True, False], both + given[False, True], both, agreement, _kappa(given)
        )

    def _keep_example(self, group: object, pair: Pair) -> None:
        if group in self._examples or len(self._examples) < _GROUPS_WITH_EXAMPLES:
            kept = self._examples.setdefault(group, [])
            if len(kept) < EXAMPLES:
                kept.append(pair)

    def _kept_examples(self, group: object) -> tuple[Pair, ...]:
        return tuple(self._examples.get(group, ()))


def _kappa(counts: Counter[tuple[Labels, Labels]] | Counter[tuple[bool, bool]]) -> float | None:
    """Cohen's κ, given how often each pair of an old and a new value occurs."""
    from sklearn.metrics import cohen_kappa_score

    pairs = [pair for pair, count in counts.items() if count]
    values = sorted({value for pair in pairs for value in pair}, key=repr)
    if len(values) < 2:  # noqa: PLR2004 - both versions always give the same
        return None
    codes = {value: code for code, value in enumerate(values)}
    old, new = ([codes[pair[side]] for pair in pairs] for side in (0, 1))
    return float(cohen_kappa_score(old, new, sample_weight=[counts[pair] for pair in pairs]))  # type: ignore[index]


def _labels(output: Output) -> Labels:
    return tuple(sorted(set(map(str, output.get("labels", ())))))


def _only_field(output: Output, name: str) -> dict[str, object]:
    return {name: output[name]} if name in output else {}
