"""Whether one setting is worse than another on the same items, or only unlucky with them.

McNemar's exact test on the items that exactly one of the two gets right (McNemar, Psychometrika 12, 1947; the binomial
form), and a paired bootstrap of the difference in score: the items are drawn anew, with replacement, for both alike
(Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13: the percentile interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waves.learn.evaluation.measure import Marks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RESAMPLES = 1_000
SEED = 20_261_125
LEVEL = 0.05
_AT_ONCE = 100
"""Resamples whose weights are in memory together."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """A setting against the best: items that it alone got right or wrong, the exact p, its score less that of the best
    with the interval of 95 %. `worse`: significantly so, by either."""

    wins: int
    losses: int
    p: float
    difference: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        return self.high < 0 or (self.p < LEVEL and self.losses > self.wins)


def score(marks: Marks) -> float:
    """Macro F1, or the mean share of matching fields."""
    import numpy as np

    return float(_scores(marks, np.ones((1, len(marks.exact))))[0])


def compare(settings: Sequence[Marks], best: int) -> list[PairedComparison]:
    """Each of the settings against number `best`; the same resamples for all, and the same in every run."""
    import numpy as np

    resampled = _bootstrap(settings)
    found = []
    for marks, mine in zip(settings, resampled, strict=True):
        wins = int((marks.exact & ~settings[best].exact).sum())
        losses = int((settings[best].exact & ~marks.exact).sum())
        low, high = np.quantile(mine - resampled[best], [LEVEL / 2, 1 - LEVEL / 2])
        difference = score(marks) - score(settings[best])
        found.append(PairedComparison(wins, losses, _mcnemar(wins, losses), difference, float(low), float(high)))
    return found


def _mcnemar(wins: int, losses: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _bootstrap(settings: Sequence[Marks]) -> list[Numbers]:
    """For each setting its score in every resample."""
    import numpy as np

    items = len(settings[0].exact)
    chance = np.random.default_rng(SEED)
    found: list[list[Numbers]] = [[] for _ in settings]
    for _ in range(RESAMPLES // _AT_ONCE):
        drawn = [np.bincount(chance.integers(items, size=items), minlength=items) for _ in range(_AT_ONCE)]
        weights = np.array(drawn, dtype=np.float64)
        for scores, marks in zip(found, settings, strict=True):
            scores.append(_scores(marks, weights))
    return [np.concatenate(scores) for scores in found]


def _scores(marks: Marks, weights: Numbers) -> Numbers:
    """The score under each row of weights; a label that no drawn item has says nothing about it."""
    import numpy as np

    gained, possible = weights @ marks.gained, weights @ marks.possible
    occurs = possible > 0
    shares = np.divide(gained, possible, out=np.zeros_like(gained), where=occurs)
    scores: Numbers = shares.sum(axis=1) / np.maximum(1, occurs.sum(axis=1))
    return scores
