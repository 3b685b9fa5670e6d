"""Settings side by side: the best one, which others are not significantly worse, and the cheapest of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from waves.learn.evaluation.measure import Marks
from waves.learn.evaluation.significance import PairedComparison, compare, score

Axis = Literal["cost_usd_per_item", "tokens_per_item"]


def conclude(settings: Sequence[dict[str, Any]], marks: Sequence[Marks]) -> dict[str, Any]:
    """`best`, `cheapest` and the numbers in `pareto` count the settings from 0. The best has the highest score,
    which is macro F1 or the mean share of matching fields, and of equal ones costs the least. `pareto`: settings that
    no other one beats in score without costing more, the cheapest first."""
    scores = [score(each) for each in marks]
    axis = _axis(settings)
    costs = [each[axis] if axis else 0.0 for each in settings]
    by_score = sorted(range(len(settings)), key=lambda n: (-scores[n], costs[n]))
    best = by_score[0]
    compared = compare(marks, best)
    enough = [n for n, one in enumerate(compared) if not one.worse]
    return {
        "best": best,
        "cheapest": min(enough, key=lambda n: (costs[n], -scores[n])) if axis else None,
        "axis": axis,
        "pareto": _pareto(costs, scores) if axis else None,
        "comparisons": [_object(scores[n], one) for n, one in enumerate(compared)],
    }


def _axis(settings: Sequence[dict[str, Any]]) -> Axis | None:
    """Money where it is known of all and anything costs some, else tokens, else nothing to compare by."""
    for axis in ("cost_usd_per_item", "tokens_per_item"):
        known = [each[axis] for each in settings]
        if None not in known and any(known):
            return axis
    return None


def _pareto(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    line: list[int] = []
    for n in sorted(range(len(costs)), key=lambda n: (costs[n], -scores[n])):
        if not line or scores[n] > scores[line[-1]]:
            line.append(n)
    return line


def _object(reached: float, one: PairedComparison) -> dict[str, Any]:
    return {"score": reached, **asdict(one), "worse": one.worse}
