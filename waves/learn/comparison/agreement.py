"""How far two versions agree, from counts alone: pairs pass by one at a time, and a few examples of each flip stay.

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
_WITH_EXAMPLES = 500
"""Groups that keep examples: there can be as many as rows, and those that come first are the common ones."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How often each version gives the label, and both do. `kappa` is None where both always or never give it: then
    chance alone explains all of it."""

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
    """Flips of one kind, from these labels to those; of what was extracted, in one field."""

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
    _sets: Counter[tuple[Labels, Labels]] = field(default_factory=Counter)
    _differ: Counter[str] = field(default_factory=Counter)
    _fields: set[str] = field(default_factory=set)
    _examples: dict[object, list[Pair]] = field(default_factory=dict)

    def add(self, pair: Pair) -> None:
        self.compared += 1
        differs = not same_verdict(pair.old, pair.new)
        self.flips += differs
        if self.labels is not None:
            sets = (_labels(pair.old), _labels(pair.new))
            self._sets[sets] += 1
            if differs:
                self._keep(sets, pair)
            return
        fields = pair.old.keys() | pair.new.keys()
        self._fields |= fields
        for name in fields:
            if not same_verdict(_only(pair.old, name), _only(pair.new, name)):
                self._differ[name] += 1
                self._keep(name, pair)

    @property
    def exact(self) -> float:
        return (self.compared - self.flips) / self.compared

    def kappa(self) -> float | None:
        """Over all labels, where each row has exactly one."""
        return _kappa(self._sets) if self.labels is not None and self.single else None

    def by_label(self) -> list[LabelAgreement]:
        seen = {label for sets in self._sets for labels in sets for label in labels}
        known = list(dict.fromkeys([*(self.labels or ()), *sorted(seen)]))
        return [self._of_label(label) for label in known]

    def by_field(self) -> list[FieldAgreement]:
        counts = ((name, self._differ[name]) for name in sorted(self._fields))
        return [FieldAgreement(name, differ, 1 - differ / self.compared) for name, differ in counts]

    def groups(self) -> list[Group]:
        """The most frequent flips first."""
        of_sets = [
            Group(old, new, None, count, self._kept((old, new)))
            for (old, new), count in self._sets.items()
            if old != new
        ]
        of_fields = [Group(None, None, name, count, self._kept(name)) for name, count in self._differ.items()]
        return sorted([*of_sets, *of_fields], key=lambda group: (-group.count, group.old or (), group.field or ""))

    def _of_label(self, label: str) -> LabelAgreement:
        given: Counter[tuple[bool, bool]] = Counter()
        for (old, new), count in self._sets.items():
            given[label in old, label in new] += count
        both = given[True, True]
        agree = (both + given[False, False]) / self.compared
        return LabelAgreement(label, both + given[True, False], both + given[False, True], both, agree, _kappa(given))

    def _keep(self, group: object, pair: Pair) -> None:
        if group in self._examples or len(self._examples) < _WITH_EXAMPLES:
            kept = self._examples.setdefault(group, [])
            if len(kept) < EXAMPLES:
                kept.append(pair)

    def _kept(self, group: object) -> tuple[Pair, ...]:
        return tuple(self._examples.get(group, ()))


def _kappa(counts: Counter[tuple[Labels, Labels]] | Counter[tuple[bool, bool]]) -> float | None:
    """Cohen's κ of (one, other) → how often."""
    from sklearn.metrics import cohen_kappa_score

    pairs = [pair for pair, count in counts.items() if count]
    names = sorted({value for pair in pairs for value in pair}, key=repr)
    if len(names) < 2:  # noqa: PLR2004 - both give always the same
        return None
    places = {name: place for place, name in enumerate(names)}
    one, other = ([places[pair[side]] for pair in pairs] for side in (0, 1))
    return float(cohen_kappa_score(one, other, sample_weight=[counts[pair] for pair in pairs]))  # type: ignore[index]


def _labels(output: Output) -> Labels:
    return tuple(sorted(set(map(str, output.get("labels", ())))))


def _only(output: Output, name: str) -> dict[str, object]:
    return {name: output[name]} if name in output else {}
