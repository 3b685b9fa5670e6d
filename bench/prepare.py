"""`wave prepare` of 700 keys at two sizes of the table, 99 % of it done, with the index in place: its time and memory
must not grow with the table. Beside the whole command: the gap alone, as the command's log tells it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from common import THEME, Place, Run, median, place, table, verdict
from psycopg import sql

from waves.config import theme as themes
from waves.store import gap
from waves.store.catalog import describe as catalog
from waves.store.connect import open_url
from waves.store.shape import fragments

DONE = """
    INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, applied_at)
    SELECT %(theme)s, s.entity_key, %(version)s, s.input_hash, 'accepted', '{{"labels": ["claim"]}}', 0.5, now()
      FROM (SELECT {source_row} FROM items WHERE items.id %% 100 <> 0) AS s
"""
SHOWN = """
    UPDATE items SET labels = '["claim"]', confidence = 0.5, version = %(version)s WHERE id %% 100 <> 0
"""


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured at one size of the table."""

    rows: int
    commands: Sequence[Run]
    takes: Sequence[float]

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.commands)

    @property
    def take(self) -> float:
        return median(self.takes)

    @property
    def peak(self) -> float:
        return median(run.peak for run in self.commands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=700)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with place() as here:
        version = here.write_theme(500).version
        here.use_provider("http://127.0.0.1:1")
        small, large = (
            size(here, filled(here, rows, version), rows, options.keys, options.runs, version)
            for rows in (options.small, options.large)
        )
    table(
        f"prepare of {options.keys} keys, 99 % done, median of {options.runs}; "
        f"ours at {large.rows:,} rows, bare at {small.rows:,}",
        [
            ("wave prepare, s", f"{large.seconds:.3f}", f"{small.seconds:.3f}", *at_most(large.seconds, small.seconds)),
            (
                "the gap alone, ms",
                f"{large.take * 1e3:.0f}",
                f"{small.take * 1e3:.0f}",
                *at_most(large.take, small.take),
            ),
            ("peak of its process, MiB", mib(large.peak), mib(small.peak), *at_most(large.peak, small.peak, 1.05)),
        ],
    )


def at_most(large: float, small: float, limit: float = 1.5) -> tuple[str, str]:
    return verdict(large / small, at_most=limit)


def mib(size: float) -> str:
    return f"{size / 2**20:.1f}"


def size(here: Place, database: str, rows: int, keys: int, runs: int, version: str) -> Size:
    names = {"WAVES_DATABASE": database, "WAVES_DATA": f"data_{rows}"}
    commands = []
    for _ in range(runs):
        commands.append(here.wave("prepare", THEME, "--keys", str(keys), **names))
        here.wave("abandon", THEME, "--by", "bench", **names)
    return Size(rows, commands, list(takes(here, database, here.root / f"data_{rows}", keys, runs, version)))


def takes(here: Place, database: str, data: Path, keys: int, runs: int, version: str) -> Sequence[float]:
    """Seconds of the gap alone, each with caches as a fire finds them: its connection is new."""
    found = []
    for _ in range(runs):
        with open_url(database, data) as db:
            shape = catalog.describe(db, themes.load(here.root / "prompts", THEME))
            started = time.perf_counter()
            taken = gap.take(db, shape, version, keys, 50_000)
            found.append(time.perf_counter() - started)
            if len(taken.items) != keys:
                raise SystemExit(f"{len(taken.items)} keys instead of {keys}")
    return found


def filled(here: Place, rows: int, version: str) -> str:
    """The URL of a database with so many rows, one of a hundred not yet judged."""
    url = here.filled(f"rows_{rows}", rows)
    values = {"theme": THEME, "version": version}
    with open_url(url, here.root / "data") as db:
        shape = catalog.describe(db, themes.load(here.root / "prompts", THEME))
        enter = sql.SQL(DONE).format(source_row=fragments.source_row(shape))
        with db.transaction():
            db.connection.execute("SET LOCAL synchronous_commit = off")
            db.connection.execute(enter, values)
            db.connection.execute(SHOWN, values)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE items")
        connection.execute("VACUUM ANALYZE waves.verdict")
        connection.execute("CHECKPOINT")
    return url


if __name__ == "__main__":
    main()
