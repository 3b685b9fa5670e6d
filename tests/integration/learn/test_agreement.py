"""The figures of a comparison are scikit-learn's own on the same pairs, however many pass by."""

from __future__ import annotations

import math
import random

import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score

from waves.learn.comparison.agreement import EXAMPLES, Agreement
from waves.store.rubrics.comparisons import Pair

LABELS = ("a", "b", "c")


def pair(n: int, old: dict[str, object], new: dict[str, object]) -> Pair:
    return Pair(str(n), "0" * 64, old, new)


def multi(rows: int) -> list[Pair]:
    chance = random.Random(7)
    pairs = []
    for n in range(rows):
        old = [label for label in LABELS if chance.random() < 0.4]
        new = [label for label in LABELS if (label in old) == (chance.random() < 0.8)]
        pairs.append(pair(n, {"labels": old}, {"labels": new[::-1]}))
    return pairs


def added(agreement: Agreement, pairs: list[Pair]) -> Agreement:
    for each in pairs:
        agreement.add(each)
    return agreement


def test_each_label_has_the_kappa_of_scikit_learn() -> None:
    pairs = multi(300)
    agreement = added(Agreement(LABELS), pairs)
    for row in agreement.by_label():
        old, new = ([row.label in side["labels"] for side in sides] for sides in zip(*map(_sides, pairs), strict=True))
        assert row.kappa is not None
        assert math.isclose(row.kappa, cohen_kappa_score(old, new), rel_tol=1e-9)
        assert math.isclose(row.agreement, accuracy_score(old, new), rel_tol=1e-9)
        assert (row.old, row.new) == (sum(old), sum(new))
    assert agreement.flips == sum(set(each.old["labels"]) != set(each.new["labels"]) for each in pairs)
    assert sum(group.count for group in agreement.groups()) == agreement.flips
    assert agreement.kappa() is None, "several labels have no κ over all"


def test_single_labels_have_a_kappa_over_all() -> None:
    chance = random.Random(3)
    old = [chance.choice(LABELS) for _ in range(200)]
    new = [label if chance.random() < 0.7 else chance.choice(LABELS) for label in old]
    agreement = added(
        Agreement(LABELS, single=True),
        [pair(n, {"labels": [a]}, {"labels": [b]}) for n, (a, b) in enumerate(zip(old, new, strict=True))],
    )
    kappa = agreement.kappa()
    assert kappa is not None
    assert math.isclose(kappa, cohen_kappa_score(old, new), rel_tol=1e-9)
    assert math.isclose(agreement.exact, accuracy_score(old, new), rel_tol=1e-9)


@pytest.mark.parametrize(("old", "new", "kappa"), [([], [], None), (["a"], ["a"], None), (["a"], [], 0.0)])
def test_a_label_that_says_nothing_has_no_kappa(old: list[str], new: list[str], kappa: float | None) -> None:
    agreement = added(Agreement(("a",)), [pair(n, {"labels": old}, {"labels": new}) for n in range(5)])
    assert agreement.by_label()[0].kappa == kappa


def test_a_label_of_neither_rubric_is_reported_too() -> None:
    agreement = added(Agreement(("a",)), [pair(1, {"labels": ["gone"]}, {"labels": ["a"]})])
    assert [row.label for row in agreement.by_label()] == ["a", "gone"]


def test_examples_are_few_and_the_common_flips_come_first() -> None:
    pairs = [pair(n, {"labels": ["a"]}, {"labels": ["b" if n % 3 else "c"]}) for n in range(30)]
    agreement = added(Agreement(LABELS), pairs)
    assert [(group.new, group.count, len(group.examples)) for group in agreement.groups()] == [
        (("b",), 20, EXAMPLES),
        (("c",), 10, EXAMPLES),
    ]


def test_what_is_extracted_is_compared_field_by_field() -> None:
    agreement = added(
        Agreement(None),
        [
            pair(1, {"tone": "kind", "urgent": False}, {"tone": "kind", "urgent": False}),
            pair(2, {"tone": "kind", "urgent": False}, {"tone": "harsh", "urgent": True}),
            pair(3, {"tone": None, "urgent": True}, {"tone": None, "urgent": True, "place": "Cluj"}),
        ],
    )
    assert (agreement.compared, agreement.flips) == (3, 2)
    assert [(row.field, row.differ) for row in agreement.by_field()] == [("place", 1), ("tone", 1), ("urgent", 1)]
    assert [(group.field, [example.entity_key for example in group.examples]) for group in agreement.groups()] == [
        ("place", ["3"]),
        ("tone", ["2"]),
        ("urgent", ["2"]),
    ]


def _sides(each: Pair) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    return dict(each.old), dict(each.new)
