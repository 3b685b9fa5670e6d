"""Whether one setting is worse than another on the same items, or only unlucky with them.

McNemar's exact test on the items that exactly one of the two gets right (McNemar, Psychometrika 12, 1947; the binomial
form), and a paired bootstrap of the difference in score: the items are drawn again, with replacement, for both alike
(Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13: the percentile interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waves.learn.evaluation.measure import ItemScores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RESAMPLES = 1_000
SEED = 20_261_125
LEVEL = 0.05
_CHUNK = 100
"""Resamples whose weights are in memory together."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """A setting against the best: its score, the items that it alone got right (`wins`) or wrong (`losses`), the exact
    p, and its score less that of the best with the interval of 95 %."""

    score: float
    wins: int
    losses: int
    p: float
    difference: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """Significantly so, by either test."""
        return self.high < 0 or (self.p < LEVEL and self.losses > self.wins)


def total_score(scores: ItemScores) -> float:
    """Macro F1, or the mean share of matching fields."""
    import numpy as np

    return float(_weighted_scores(scores, np.ones((1, len(scores.exact))))[0])


def compare_with_best(settings: Sequence[ItemScores], best: int) -> list[PairedComparison]:
    """Each of the settings against number `best`; the same resamples for all, and the same in every run."""
    import numpy as np

    resampled = _bootstrap(settings)
    best_exact, best_total = settings[best].exact, total_score(settings[best])
    comparisons = []
    for scores, of_resamples in zip(settings, resampled, strict=True):
        wins = int((scores.exact & ~best_exact).sum())
        losses = int((best_exact & ~scores.exact).sum())
        low, high = np.quantile(of_resamples - resampled[best], [LEVEL / 2, 1 - LEVEL / 2])
        total, p = total_score(scores), _mcnemar(wins, losses)
        comparisons.append(PairedComparison(total, wins, losses, p, total - best_total, float(low), float(high)))
    return comparisons


def _mcnemar(wins: int, losses: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _bootstrap(settings: Sequence[ItemScores]) -> list[Numbers]:
    """For each setting its score in every resample."""
    import numpy as np

    items = len(settings[0].exact)
    chance = np.random.default_rng(SEED)
    chunks: list[list[Numbers]] = [[] for _ in settings]
    for _ in range(RESAMPLES // _CHUNK):
        drawn = [np.bincount(chance.integers(items, size=items), minlength=items) for _ in range(_CHUNK)]
        weights = np.array(drawn, dtype=np.float64)
        for of_setting, scores in zip(chunks, settings, strict=True):
            of_setting.append(_weighted_scores(scores, weights))
    return [np.concatenate(of_setting) for of_setting in chunks]


def _weighted_scores(scores: ItemScores, weights: Numbers) -> Numbers:
    """The score under each row of weights; a label that occurs in no drawn item does not count."""
    import numpy as np

    gained, possible = weights @ scores.gained, weights @ scores.possible
    occurs = possible > 0
    shares = np.divide(gained, possible, out=np.zeros_like(gained), where=occurs)
    means: Numbers = shares.sum(axis=1) / np.maximum(1, occurs.sum(axis=1))
    return means
