"""Which rows a pilot samples: some of each kind of old verdict, in proportion, at least one where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from waves.models import Output

UNJUDGED = "not judged yet"


def stratum(old: Output | None) -> str:
    """The stratum of a row: its old labels. Extracted values differ from row to row and make one stratum."""
    if old is None:
        return UNJUDGED
    labels = old.get("labels")
    return " + ".join(sorted(map(str, labels))) or "no label" if isinstance(labels, list) else "judged"


def allocate(sizes: Mapping[str, int], keys: int) -> dict[str, int]:
    """How many rows of each stratum make a sample of `keys`: one of each, the largest first; then one at a time to the
    stratum that has the fewest for its size (Sainte-Laguë). Never more than there are."""
    largest = sorted((name for name in sizes if sizes[name] > 0), key=lambda name: (-sizes[name], name))
    total = min(keys, sum(sizes.values()))
    seats = dict.fromkeys(largest[:total], 1)
    for _ in range(total - len(seats)):
        not_full = (name for name in seats if seats[name] < sizes[name])
        seats[max(not_full, key=lambda name: sizes[name] / (2 * seats[name] + 1))] += 1
    return seats


def choose_rows(strata: Sequence[str], keys: int) -> list[int]:
    """The positions of the rows that make the sample, given the stratum of each row: the first rows of each stratum."""
    left = allocate(Counter(strata), keys)
    chosen = []
    for position, name in enumerate(strata):
        if left.get(name, 0) > 0:
            left[name] -= 1
            chosen.append(position)
    return chosen
