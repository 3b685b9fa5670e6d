"""A whole `wave collect`, from parts on disk to verdicts, target and audit log, beside bare SQL for the same rows.

Bare is one transaction on a clone of the same database: COPY into a temporary table, INSERT … ON CONFLICT into the
verdicts, UPDATE of the target; its rows are in memory. Ours is the step as the command's log tells it: reading parts,
checksums, schema, comparison with the rows as they are now, audit; and the whole command, with start-up and a rescue
that looks for what a kill may have left. The parts lie on disk as a wave of some hours leaves them: written back.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from common import MODEL, THEME, Place, Run, median, place, table, verdict

from waves.ids import now
from waves.models import Item, Manifest, Part
from waves.spool.wave_dir import WaveDir, wave_ids

OUTPUT = {"labels": ["request", "claim"]}
ENTER = """
    INSERT INTO waves.verdict AS v (theme_id, entity_key, rubric_version, input_hash, state, output, confidence, model,
                                    call_id, wave_id, run_id, applied_at)
    SELECT %(theme)s, entity_key, %(version)s, input_hash, 'accepted', output, confidence, model, call_id, 'wave',
           'run', now()
      FROM given
        ON CONFLICT (theme_id, entity_key, rubric_version, input_hash) DO UPDATE
       SET state = excluded.state, output = excluded.output, confidence = excluded.confidence, model = excluded.model,
           call_id = excluded.call_id, wave_id = excluded.wave_id, run_id = excluded.run_id,
           applied_at = excluded.applied_at
"""
SHOW = """
    UPDATE items SET labels = given.output ->> 'labels', confidence = given.confidence, version = %(version)s
      FROM given WHERE items.id = given.entity_key::bigint
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """A whole command, and the seconds of its step collect."""

    run: Run
    step: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    bare, ours = [], []
    with place() as here:
        manifest = prepared(here, options.parts)
        for n in range(options.runs):
            bare.append(collect_bare(here, f"bare_{n}", manifest))
            ours.append(collect_ours(here, f"ours_{n}", options.parts))
    theirs, step, whole = median(bare), median(one.step for one in ours), median(one.run.seconds for one in ours)
    rates = f"{options.parts / step:,.0f}", f"{options.parts / theirs:,.0f}"
    table(
        f"collect: {options.parts:,} parts, median of {options.runs}; bare is COPY + INSERT … ON CONFLICT + UPDATE",
        [
            ("rows a second", *rates, *verdict(theirs / step, at_least=0.25)),
            ("seconds of the step", f"{step:.2f}", f"{theirs:.2f}", f"{step / theirs:.2f}", ""),
            ("seconds of the whole command", f"{whole:.2f}", f"{theirs:.2f}", f"{whole / theirs:.2f}", ""),
            ("of them CPU of its process", f"{median(one.run.cpu for one in ours):.2f}", "", "", ""),
            ("its peak, MiB", f"{median(one.run.peak for one in ours) / 2**20:.0f}", "", "", ""),
        ],
    )
    print("  each:", ", ".join(f"{one.step:.2f} / {other:.2f}" for one, other in zip(ours, bare, strict=True)))


def prepared(here: Place, parts: int) -> Manifest:
    """The database `prepared` and the data folder `prepared`: an open wave, and a part on disk for each item."""
    here.write_theme(500)
    here.use_provider("http://127.0.0.1:1")
    database = here.filled("prepared", parts)
    names = {"WAVES_DATABASE": database, "WAVES_DATA": "prepared", "WAVES_BATCH_SIZE": "1000"}
    here.wave("prepare", THEME, "--keys", str(parts), **names)
    data = here.root / "prepared"
    [wave_id] = wave_ids(data, THEME)
    with psycopg.connect(database) as connection:
        [installation] = connection.execute("SELECT id::text FROM waves.installation").fetchone() or ("",)
    wave = WaveDir.open(data, THEME, wave_id, installation)
    folder = wave.parts(lambda _: None)
    for item in wave.manifest.items:
        folder.write(part(wave.manifest, item))
    return wave.manifest


def part(manifest: Manifest, item: Item) -> Part:
    return Part(
        theme=THEME,
        wave=manifest.wave_id,
        entity_key=item.entity_key,
        input_hash=item.input_hash,
        rubric_version=manifest.rubric_version,
        model=MODEL,
        backend="provider",
        call_id="call",
        output=OUTPUT,
        confidence=0.5,
        parse="strict",
        created_at=now(),
    )


def collect_bare(here: Place, name: str, manifest: Manifest) -> float:
    """Seconds of the bare transaction."""
    url = settled(here, name)
    output = json.dumps(OUTPUT)
    rows: Sequence[tuple[object, ...]] = [
        (item.entity_key, item.input_hash, output, 0.5, MODEL, "call") for item in manifest.items
    ]
    values = {"theme": THEME, "version": manifest.rubric_version}
    with psycopg.connect(url) as connection:
        started = time.perf_counter()
        connection.execute(
            "CREATE TEMPORARY TABLE given "
            "(entity_key text, input_hash text, output jsonb, confidence float, model text, call_id text)"
        )
        with connection.cursor() as cursor, cursor.copy("COPY given FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        connection.execute(ENTER, values)
        connection.execute(SHOW, values)
        connection.commit()
        return time.perf_counter() - started


def collect_ours(here: Place, name: str, parts: int) -> Collected:
    data = here.root / name
    shutil.copytree(here.root / "prepared", data, copy_function=os.link)
    shutil.rmtree(data / "logs")
    run = here.wave("collect", THEME, WAVES_DATABASE=settled(here, name), WAVES_DATA=name)
    if f"matched {parts}, orphaned 0" not in run.stdout:
        raise SystemExit(f"not every part was collected: {run.stdout}{run.stderr}")
    [log] = (data / "logs").iterdir()
    told = {line["event"]: datetime.fromisoformat(line["at"]) for line in map(json.loads, log.read_text().splitlines())}
    return Collected(run, (told["collected"] - told["collecting"]).total_seconds())


def settled(here: Place, name: str) -> str:
    """A clone of the prepared database, with nothing left to be written back."""
    url = here.database(name, "prepared")
    with psycopg.connect(here.server, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    os.sync()
    return url


if __name__ == "__main__":
    main()
