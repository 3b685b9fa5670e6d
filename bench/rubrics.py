"""Rubric versions on a table with a million verdicts: activation with its price, rollback and status on the clock; rows
that a fire restores in a second after a rollback; and the gap with three more versions of history beside the gap
without. The database alone works: no request is sent.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import psycopg
from common import THEME, Place, median, place, verdict
from psycopg import sql

from waves.config import theme as themes
from waves.store import gap
from waves.store.catalog import describe as catalog
from waves.store.connect import open_url
from waves.store.shape import fragments

JUDGED = """
    INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, applied_at)
    SELECT %(theme)s, s.entity_key, %(version)s, s.input_hash, 'accepted', '{{"labels": ["claim"]}}', 0.5, now()
      FROM (SELECT {source_row} FROM items WHERE {which}) AS s ON CONFLICT DO NOTHING
"""
SHOWN = """
    UPDATE items SET labels = '["claim"]', confidence = 0.5, version = %(version)s WHERE {which}
"""
HISTORY = """
    INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, applied_at)
    SELECT theme_id, entity_key, %(history)s, input_hash, state, output, confidence, applied_at - interval '1 day'
      FROM waves.verdict WHERE rubric_version = %(version)s
"""
MOST = "id %% 100 <> 0"
LIMIT = "INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'drift_rows', %s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--restore", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with place() as here:
        old = here.write_theme(500).version
        here.use_provider("http://127.0.0.1:1")
        url = here.filled("rubrics", options.rows)
        change(here, url, JUDGED, MOST, version=old)
        change(here, url, SHOWN, MOST, version=old)
        settle(url)
        file = here.root / "prompts" / THEME / "v2.md"
        file.write_text((file.parent / "v1.md").read_text() + "\nBe brief.\n")
        print(f"\n{options.rows:,} rows, 99 % of them with a verdict, median of {options.runs}, in seconds")
        commands(here, url, options.runs)
        new = here.wave("rubrics", "diff", THEME, "--json", WAVES_DATABASE=url).json["new"]
        bare = here.database("bare", "rubrics")
        for history in (new, "v3-0000000", "v4-0000000"):
            change(here, url, HISTORY, MOST, version=old, history=history)
        settle(url)
        compare(here, bare, url, old, options.runs)
        print("\nthe same commands with history, in seconds")
        commands(here, url, options.runs)
        for version in (old, new):
            change(here, url, JUDGED, "true", version=version)
        change(here, url, SHOWN, "version IS NULL", version=old)
        restore(here, url, options.restore)


def commands(here: Place, url: str, runs: int) -> None:
    """Activation of the new version and rollback to the old one, in turn, and status with the gap wide open."""
    seconds: dict[str, list[float]] = {"activate": [], "status": [], "rollback": []}
    for _ in range(runs):
        activated = here.wave("rubrics", "activate", THEME, "--yes", WAVES_DATABASE=url)
        seconds["activate"].append(activated.seconds)
        seconds["status"].append(here.wave("status", WAVES_DATABASE=url).seconds)
        seconds["rollback"].append(here.wave("rubrics", "rollback", THEME, WAVES_DATABASE=url).seconds)
    print(activated.stdout, end="")
    for name, each in seconds.items():
        print(f"  {name:<9} {median(each):.2f} (at most 2: {'reached' if median(each) <= 2 else 'MISSED'})")


def restore(here: Place, url: str, rows: int) -> None:
    """A fire that restores rows by the new version, then, after a rollback, by the old one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LIMIT, [THEME, str(rows)])
    here.wave("rubrics", "activate", THEME, "--yes", WAVES_DATABASE=url)
    print("\nrows restored by a whole fire")
    for name in ("after activation", "after rollback"):
        settle(url)
        before = in_force(url)
        fired = here.wave("fire", THEME, "--json", WAVES_DATABASE=url)
        restored = in_force(url) - before
        rate = restored / fired.seconds
        word = "reached" if rate >= 10_000 else "MISSED"
        print(f"  {name}: {restored:,} in {fired.seconds:.1f} s, {rate:,.0f} a second (at least 10,000: {word})")
        here.wave("rubrics", "rollback", THEME, WAVES_DATABASE=url)


def in_force(url: str) -> int:
    """How many rows show the version in force."""
    with psycopg.connect(url) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM items JOIN waves.theme ON version = active_version")
    return int(count)


def compare(here: Place, bare: str, full: str, version: str, runs: int) -> None:
    """The gap without history and with it, in turn: as a wave of 700 keys takes it, and where no row waits, so that
    50,000 rows are read again in search of edits."""
    print("\nthe gap alone, and with three more versions of history, in seconds")
    for name, where in (("700 keys", None), ("50,000 rows read again", MOST.replace("%%", "%"))):
        found: dict[str, list[float]] = {bare: [], full: []}
        for _ in range(runs):
            for url, seconds in found.items():
                seconds.append(take(here, url, version, where))
        before, after = median(found[bare]), median(found[full])
        ratio, asked = verdict(after / before, at_most=1.2)
        print(f"  {name}: {before:.3f}, {after:.3f}, ratio {ratio} ({asked})")


def take(here: Place, url: str, version: str, where: str | None) -> float:
    """Seconds of a look into the gap with a new connection, as a fire has it."""
    theme = themes.load(here.root / "prompts", THEME)
    with open_url(url, here.root / "data") as db:
        shape = catalog.describe(db, replace(theme, source=replace(theme.source, where=where)))
        started = time.perf_counter()
        gap.take(db, shape, version, 700, 50_000, dry_run=True)
        return time.perf_counter() - started


def change(here: Place, url: str, statement: str, which: str, **values: str) -> None:
    """A statement over all rows, whose hashes are computed as the product does."""
    with open_url(url, here.root / "data") as db:
        shape = catalog.describe(db, themes.load(here.root / "prompts", THEME))
        composed = sql.SQL(statement).format(source_row=fragments.source_row(shape), which=sql.SQL(which))
        with db.transaction():
            db.connection.execute(fragments.SESSION_SETTINGS)
            db.connection.execute("SET LOCAL synchronous_commit = off")
            db.connection.execute(composed, {"theme": THEME, **values})


def settle(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE items")
        connection.execute("VACUUM ANALYZE waves.verdict")
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
