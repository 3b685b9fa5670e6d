"""Whether confidence means what it says: of the answers with confidence 0.8, are 80 % right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The `count` answers with a confidence above `lower` and up to `upper`: their mean confidence, and the share of
    them that is exactly right."""

    lower: float
    upper: float
    count: int
    confidence: float
    exact: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error over `answers` answers, and the bins that hold any."""

    error: float
    answers: int
    bins: tuple[CalibrationBin, ...]


def calibrate(exact: Sequence[bool], confidence: Sequence[float | None]) -> Calibration | None:
    """The expected calibration error and the reliability curve; None where no answer has a confidence.

    ECE = Σ_m |B_m| / n · |acc(B_m) - conf(B_m)|: over ten bins of equal width, the difference between the share of
    right answers and the mean confidence in a bin, weighted by its answers (Guo, Pleiss, Sun, Weinberger: On
    Calibration of Modern Neural Networks, ICML 2017, equation 3). A bin holds its upper bound, the first one 0 as well.
    """
    import numpy as np
    from sklearn.calibration import calibration_curve

    known = [(right, sure) for right, sure in zip(exact, confidence, strict=True) if sure is not None]
    if not known:
        return None
    right, sure = np.array([right for right, _ in known]), np.array([sure for _, sure in known])
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], sure), minlength=BINS)
    shares, means = calibration_curve(right, sure, n_bins=BINS, strategy="uniform", pos_label=True)
    bins = tuple(
        CalibrationBin(float(edges[n]), float(edges[n + 1]), int(counts[n]), float(mean), float(share))
        for n, mean, share in zip(np.flatnonzero(counts), means, shares, strict=True)
    )
    error = sum(each.count * abs(each.exact - each.confidence) for each in bins) / len(known)
    return Calibration(float(error), len(known), bins)
