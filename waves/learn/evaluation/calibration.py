"""Whether confidence means what it says: of the answers with confidence 0.8, are 80 % right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BINS = 10


def calibrate(exact: Sequence[bool], confidence: Sequence[float | None]) -> dict[str, Any] | None:
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
    right, sure = np.array([one for one, _ in known]), np.array([one for _, one in known])
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], sure), minlength=BINS)
    share, mean = calibration_curve(right, sure, n_bins=BINS, strategy="uniform", pos_label=True)
    bins = [
        {"from": float(edges[n]), "to": float(edges[n + 1]), "count": int(counts[n])} for n in np.flatnonzero(counts)
    ]
    for each, confident, accurate in zip(bins, mean, share, strict=True):
        each |= {"confidence": float(confident), "exact": float(accurate)}
    error = sum(each["count"] * abs(each["exact"] - each["confidence"]) for each in bins) / len(known)
    return {"error": float(error), "answers": len(known), "bins": bins}
