"""The moments of a fire at which the sweep kills: every kind of operation in every phase, before it and after it.

`corpora` deals them out, seeded: each corpus is a list of fires, each of them killed, that between them take one wave
from the gap to the database. Within a corpus the phases come in the order in which a wave goes through them, so every
moment is sure to come.
"""

from __future__ import annotations

import random
from dataclasses import replace

from tests.faults.place import Trap

_PARTS = r"parts/\w\w/"
_JOURNAL = r"journal/RUN\.jsonl"
_CLOSED_WAVE = r"^end of transaction after UPDATE waves\.wave SET counts"
_SETTLED = r"^execute INSERT INTO waves\.ledger"


def _both_sides(match: str, *nths: int) -> list[Trap]:
    return [Trap(match, nth, when) for nth in nths or (1,) for when in ("before", "after")]


BEFORE_A_WAVE = [
    Trap("^connect", 1, "before"),
    *_both_sides("^flock", 1, 2),
    *_both_sides("^execute SELECT pg_try_advisory_xact_lock"),
    *_both_sides("^execute INSERT INTO waves.runs"),
]
PREPARE = [
    Trap("^execute WITH candidate", 1, "before"),
    Trap("^end of transaction after UPDATE waves.theme SET drift_cursor"),
    *_both_sides("^mkdir waves/TMP$"),
    *_both_sides("^create waves/TMP/TMP", 2),
    *_both_sides("^rename waves/TMP/manifest.json"),
    Trap("^fsync waves/TMP", 3),
    *_both_sides("^rename waves/WAVE$"),
    *_both_sides("^rename .*/batch_", 2),
    Trap("^write .*/batches/TMP", 7),
    *_both_sides("^execute INSERT INTO waves.wave "),
    *_both_sides("^end of transaction after SELECT wave_id, theme_id"),
]
RUN = [
    *_both_sides(f"^create .*{_JOURNAL}"),
    *_both_sides(f'^write .*{_JOURNAL} {{"t":"sent"', 1, 3),
    *_both_sides(f"^fsync .*{_JOURNAL}", 1, 3),
    *_both_sides("^send to worker", 1, 2),
    *_both_sides("^receive from worker", 1, 3),
    *_both_sides(f'^write .*{_JOURNAL} {{"t":"paid"', 1, 3),
    *_both_sides(r"^mkdir .*parts/\w\w$"),
    *_both_sides(f"^create .*{_PARTS}TMP", 2),
    Trap(f"^write .*{_PARTS}TMP", 1),
    *_both_sides(f"^rename .*{_PARTS}", 1, 4),
]
RESCUE = [
    *_both_sides(_SETTLED),
    *_both_sides("^end of transaction after INSERT INTO waves.ledger"),
    *_both_sides("^execute UPDATE waves.runs SET state = 'died'"),
    Trap("^execute INSERT INTO waves.runs", 1, "before"),
    Trap("^fsync .*/journal$", 1),
]
CONVERGED = [
    *_both_sides("^fsync waves/WAVE/parts$"),
    *_both_sides("^execute UPDATE waves.wave SET state = 'closed'"),
    Trap("^execute COPY pg_temp.wave_entry"),
    *_both_sides("^execute WITH changed AS"),
    *_both_sides(r"^execute .*INSERT INTO waves\.verdict AS v .* output, confidence"),
    *_both_sides("^execute UPDATE waves.wave SET counts"),
    Trap(_CLOSED_WAVE, 1, "before"),
]
MERGED = [
    Trap(_CLOSED_WAVE),
    *_both_sides("^create waves/WAVE/TMP"),
    Trap("^fsync waves/WAVE/TMP"),
    *_both_sides("^rename waves/WAVE/closed.json"),
    *_both_sides("^execute UPDATE waves.runs SET finished_at"),
]
PHASES = {
    "before a wave": BEFORE_A_WAVE,
    "prepare": PREPARE,
    "run": RUN,
    "rescue": RESCUE,
    "collect": CONVERGED,
    "merged": MERGED,
}


def corpora(count: int, seed: int) -> list[list[list[Trap]]]:
    """Every moment in exactly one of `count` corpora. In the run, the runner dies alone or with all of its workers, and
    before some of these moments a worker dies alone."""
    dice = random.Random(seed)
    dealt: list[list[list[Trap]]] = [[] for _ in range(count)]
    for phase, moments in PHASES.items():
        order = dice.sample(range(count), count)
        for number, moment in enumerate(moments):
            traps = [moment]
            if phase == "run":
                traps = [replace(moment, who=dice.choice(["runner", "both"]))]
                if moment.nth > 1:
                    traps.insert(0, Trap(f'^write .*{_JOURNAL} {{"t":"(sent|paid)"', dice.randint(1, 2), who="worker"))
            dealt[order[number % count]].append(traps)
    return dealt
