"""Where the items of a wave are. Each is in exactly one set, the first that applies: part, quarantined, released,
missing; so `emitted = parts + quarantined + released + missing`. Identity is by sets of ids, never by counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from waves.models import Counts, Item, Manifest, VerdictState

Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """A wave's items, split into the four sets. `missing` keeps the manifest's order."""

    parts: AbstractSet[Identity]
    quarantined: AbstractSet[Identity]
    released: AbstractSet[Identity]
    missing: tuple[Item, ...]

    @property
    def converged(self) -> bool:
        return not self.missing

    def counts(self) -> Counts:
        return Counts(
            emitted=len(self.parts) + len(self.quarantined) + len(self.released) + len(self.missing),
            parts=len(self.parts),
            released=len(self.released),
            quarantined=len(self.quarantined),
            missing=len(self.missing),
        )


def stand(manifest: Manifest, parts: Iterable[Identity], settled: Mapping[Identity, VerdictState]) -> Standing:
    """Split `manifest.items`, given the ids of valid parts and what the database settled in this wave."""
    have = set(parts)
    quarantined, released, missing, done = set(), set(), [], set()
    for item in manifest.items:
        identity = item.identity
        if identity in have:
            done.add(identity)
        elif (state := settled.get(identity)) in ("quarantined", "refused"):
            quarantined.add(identity)
        elif state is not None:
            released.add(identity)
        else:
            missing.append(item)
    return Standing(done, quarantined, released, tuple(missing))
