"""How much of the time that the provider alone would take: a whole `wave fire`, and its classify phase.

Ideal is ceil(items / in flight) × latency. The classify phase is taken from the wave's own journal: from the first
line `sent` to the last line `paid`. At many requests in flight the bare version is `plain.py` on the same provider.
"""

from __future__ import annotations

import argparse
import itertools
import math
from dataclasses import dataclass

from common import THEME, Place, dump_inputs, median, place, plain, provider, table, verdict

from waves.spool.journal import read_journal

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Fire:
    """Seconds of one fire: as its process lived, and from the first request sent to the last answer paid."""

    whole: float
    classify: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--many-items", type=int, default=4096)
    parser.add_argument("--many-parallel", type=int, default=256)
    parser.add_argument("--many-runs", type=int, default=3)
    parser.add_argument("--rubric-tokens", type=int, default=1500)
    options = parser.parse_args()
    with place() as here:
        here.write_theme(options.rubric_tokens)
        if options.runs:
            few(here, options.items, options.parallel, options.latency, options.runs)
        if options.many_runs:
            many(here, options.many_items, options.many_parallel, options.latency, options.many_runs)


def few(here: Place, items: int, parallel: int, latency: float, runs: int) -> None:
    ideal = math.ceil(items / parallel) * latency
    here.filled("few", items)
    with provider(latency) as url:
        here.use_provider(url)
        fires = [fire(here, "few", items, parallel) for _ in range(runs)]
    whole, classify = median(one.whole for one in fires), median(one.classify for one in fires)
    table(
        f"efficiency: {items:,} items, {parallel} in flight, {latency:g} s each, median of {runs}; bare is the ideal",
        [
            ("whole wave fire, s", f"{whole:.2f}", f"{ideal:.2f}", *verdict(whole / ideal, at_most=1.20)),
            ("classify phase, s", f"{classify:.2f}", f"{ideal:.2f}", *verdict(classify / ideal, at_most=1.06)),
        ],
    )
    print("  each:", ", ".join(f"{one.whole:.2f} ({one.classify:.2f})" for one in fires))


def many(here: Place, items: int, parallel: int, latency: float, runs: int) -> None:
    ideal = items / (math.ceil(items / parallel) * latency)
    inputs = dump_inputs(here, here.filled("many", items))
    ours, bare = [], []
    with provider(latency) as url:
        here.use_provider(url)
        for _ in range(runs):
            ours.append(items / fire(here, "many", items, parallel).classify)
            bare.append(items / plain(here, url, inputs, "--cache", "--parallel", str(parallel))["seconds"])
    mine, theirs = median(ours), median(bare)
    table(
        f"rate: {items:,} items, {parallel} in flight, {latency:g} s each, median of {runs}; bare is plain.py",
        [("classify phase, items/s", f"{mine:.0f}", f"{theirs:.0f}", *verdict(mine / theirs, at_least=1.7))],
    )
    print(f"  ideal {ideal:.0f} items/s: ours {mine / ideal:.2f} of it, bare {theirs / ideal:.2f}")
    print("  each:", ", ".join(f"{one:.0f} / {other:.0f}" for one, other in zip(ours, bare, strict=True)))


def fire(here: Place, template: str, items: int, parallel: int) -> Fire:
    """One whole `wave fire` on a database and a data folder of its own."""
    name = f"run_{next(_numbers)}"
    database = here.database(name, template)
    limits = ["--keys", str(items), "--parallel", str(parallel)]
    batch = {"WAVES_BATCH_SIZE": "1", "WAVES_DATABASE": database, "WAVES_DATA": name}
    run = here.wave("fire", THEME, *limits, "--json", **batch)
    if run.json["counts"]["matched"] != items:
        raise SystemExit(f"not every item was collected: {run.stdout}{run.stderr}")
    [journal] = (here.root / name).glob("*/waves/*/journal/*.jsonl")
    calls = read_journal(journal).calls.values()
    first = min(call.sent.at for call in calls)
    last = max(call.paid.at for call in calls if call.paid)
    return Fire(run.seconds, (last - first).total_seconds())


if __name__ == "__main__":
    main()
