"""Settings side by side: the best one, which others are not significantly worse, and the cheapest of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waves.learn.evaluation.cost import CostAxis, SettingCost
from waves.learn.evaluation.measure import ItemScores
from waves.learn.evaluation.significance import PairedComparison, compare_with_best, total_score

_AXES: tuple[CostAxis, ...] = ("cost_usd_per_item", "tokens_per_item")


@dataclass(frozen=True, slots=True)
class Ranking:
    """`best`, `cheapest` and the numbers in `pareto` count the settings from 0. The best has the highest score, which
    is macro F1 or the mean share of matching fields, and of equal scores the lowest cost. `cheapest` is the cheapest
    setting that is not significantly worse. `pareto`: settings that no other one beats in score without costing more,
    the cheapest first. Where there is no `axis` to compare costs by, both are None."""

    best: int
    cheapest: int | None
    axis: CostAxis | None
    pareto: tuple[int, ...] | None
    comparisons: tuple[PairedComparison, ...]


def rank_settings(costs: Sequence[SettingCost], scores: Sequence[ItemScores]) -> Ranking:
    """Both sequences have an entry for each setting, in the same order."""
    totals = [total_score(each) for each in scores]
    axis = _cost_axis(costs)
    per_item = [cost.per_item(axis) or 0.0 for cost in costs] if axis else [0.0] * len(costs)
    best = min(range(len(totals)), key=lambda n: (-totals[n], per_item[n]))
    comparisons = compare_with_best(scores, best)
    enough = [n for n, comparison in enumerate(comparisons) if not comparison.worse]
    return Ranking(
        best=best,
        cheapest=min(enough, key=lambda n: (per_item[n], -totals[n])) if axis else None,
        axis=axis,
        pareto=_pareto(per_item, totals) if axis else None,
        comparisons=tuple(comparisons),
    )


def _cost_axis(costs: Sequence[SettingCost]) -> CostAxis | None:
    """Money where it is known of all and anything costs some, else tokens, else nothing to compare by."""
    for axis in _AXES:
        known = [cost.per_item(axis) for cost in costs]
        if None not in known and any(known):
            return axis
    return None


def _pareto(costs: Sequence[float], scores: Sequence[float]) -> tuple[int, ...]:
    line: list[int] = []
    for n in sorted(range(len(costs)), key=lambda n: (costs[n], -scores[n])):
        if not line or scores[n] > scores[line[-1]]:
            line.append(n)
    return tuple(line)
