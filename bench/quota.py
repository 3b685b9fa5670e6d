"""Drains a corpus through quota windows by fires as cron makes them, and prints what the provider's record says.

The first window is learned by filling it; after that nothing may be refused. Each fire comes when the one before it
said that the window is free again.

    .venv/bin/python bench/quota.py
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import THEME, WAVE, Place, measured, place, provider


@dataclass(frozen=True, slots=True)
class Fire:
    state: str
    keys: int
    refused: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2400)
    parser.add_argument("--capacity", type=int, default=950)
    parser.add_argument("--window", type=int, default=20, help="seconds")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds")
    parser.add_argument("--parallel", type=int, default=16)
    options = parser.parse_args()
    with place() as here:
        record = here.root / "record.jsonl"
        quota = {"capacity": options.capacity, "unit": "items", "window": options.window}
        here.write_theme(500)
        database = here.filled("quota", options.rows)
        with provider(options.latency, record, quota=quota) as url:
            here.use_provider(url, window=f"{options.window}s", use_at_most=0.75)
            started = time.monotonic()
            fires = drain(here, database, record, options.rows, options.parallel)
        show(fires, time.monotonic() - started)
        print(here.wave("quota", "provider", WAVES_DATABASE=database).stdout)


def drain(here: Place, database: str, record: Path, rows: int, parallel: int) -> list[Fire]:
    """Fires until nothing is missing."""
    fires: list[Fire] = []
    while not fires or fires[-1].state != "complete":
        keys, refused = told(record)
        arguments = ["fire", THEME, "--keys", str(rows), "--parallel", str(parallel), "--until-complete", "--json"]
        run = measured([str(WAVE), *arguments], here.root, {"WAVES_DATABASE": database}, well=(0, 75))
        report: dict[str, Any] = run.json
        now_keys, now_refused = told(record)
        fires.append(Fire(report["state"], now_keys - keys, now_refused - refused, run.seconds))
        if report["snoozed_until"]:
            left = (datetime.fromisoformat(report["snoozed_until"]) - datetime.now(UTC)).total_seconds()
            time.sleep(max(0.0, left + 1))
    return fires


def told(record: Path) -> tuple[int, int]:
    """Keys that were answered, and requests that were refused, up to now."""
    lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    ended = [line for line in lines if line["t"] == "ended"]
    keys = sum(len(line["items"]) for line in ended if line["status"] == 200)
    return keys, sum(line["status"] == 429 for line in ended)


def show(fires: list[Fire], seconds: float) -> None:
    for number, fire in enumerate(fires, 1):
        print(f"fire {number}: {fire.state}, {fire.keys} keys answered, {fire.refused} refused, {fire.seconds:.1f} s")
    later = sum(fire.refused for fire in fires[1:])
    print(f"{len(fires)} fires in {seconds:.0f} s: {'reached' if len(fires) <= 8 else 'MISSED'} (at most 8)")
    print(f"{later} refused after the first window: {'reached' if later == 0 else 'MISSED'} (none)")


if __name__ == "__main__":
    main()
