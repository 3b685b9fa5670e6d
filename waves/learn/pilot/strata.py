"""Which rows a pilot looks at: some of each kind of old verdict, in proportion, at least one where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from waves.models import Output

UNJUDGED = "not judged yet"


def stratum(old: Output | None) -> str:
    """The stratum of a row: its old labels. What was extracted differs from row to row and makes one stratum."""
    if old is None:
        return UNJUDGED
    labels = old.get("labels")
    return " + ".join(sorted(map(str, labels))) or "no label" if isinstance(labels, list) else "judged"


def allocate(sizes: Mapping[str, int], keys: int) -> dict[str, int]:
    """How many rows of each stratum make a sample of `keys`: one of each, the largest first; then one by one to that
    which has the fewest for its size (Sainte-Laguë). Never more than there are."""
    largest = sorted((name for name in sizes if sizes[name] > 0), key=lambda name: (-sizes[name], name))
    wanted = min(keys, sum(sizes.values()))
    given = dict.fromkeys(largest[:wanted], 1)
    for _ in range(wanted - len(given)):
        open_ones = (name for name in given if given[name] < sizes[name])
        given[max(open_ones, key=lambda name: sizes[name] / (2 * given[name] + 1))] += 1
    return given


def choose(strata: Sequence[str], keys: int) -> list[int]:
    """The places of the rows that make the sample, given the stratum of each row: the first ones of each stratum."""
    left = allocate(Counter(strata), keys)
    chosen = []
    for place, name in enumerate(strata):
        if left.get(name, 0) > 0:
            left[name] -= 1
            chosen.append(place)
    return chosen
