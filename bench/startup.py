"""Start-up: `wave --help` and `wave status` on the sample, beside a bare interpreter; which heavy imports they make."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence

from common import SAMPLE, WAVE, Place, Run, measured, median, place, table, verdict
from psycopg.conninfo import make_conninfo

from waves.store.connect import open_url
from waves.store.demo_tables import load_sample

HEAVY = ("anthropic", "aiohttp", "httpx2", "pydantic", "rich", "psycopg", "jsonschema_rs", "asyncio")
IMPORTED = re.compile(r"^import time:.*\|\s+(\w+)$", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    with place() as here:
        database = _load_sample(here)
        environment = {"WAVES_DATABASE": database}
        bare = _repeat(runs, here, [sys.executable, "-c", "pass"], environment)
        help_ = _repeat(runs, here, [str(WAVE), "--help"], environment)
        status = _repeat(runs, here, [str(WAVE), "status"], environment)
        heavy = {name: _heavy(here, name, environment) for name in ("--help", "status")}
    nothing, seconds = median(run.seconds for run in bare), median(run.seconds for run in help_)
    idle, cpu = median(run.cpu for run in bare), median(run.cpu for run in status)
    table(
        f"start-up, median of {runs}; bare is `python -c pass`",
        [
            ("wave --help, s", f"{seconds:.3f}", f"{nothing:.3f}", *_limit(seconds, nothing, 0.15)),
            ("wave status on the sample, s of CPU", f"{cpu:.3f}", f"{idle:.3f}", *_limit(cpu, idle, 0.5)),
        ],
    )
    for name, found in heavy.items():
        print(f"  wave {name} imports of {', '.join(HEAVY)}: {', '.join(found) or 'none'}")
        if "anthropic" in found:
            raise SystemExit("  it must not import anthropic")


def _limit(value: float, bare: float, limit: float) -> tuple[str, str]:
    """The ratio is for information; what is asked for is an absolute time."""
    asked = verdict(value, at_most=limit)[1]
    return f"{value / bare:.1f}", f"ours {asked}"


def _load_sample(here: Place) -> str:
    shutil.copytree(SAMPLE / "prompts" / "comment_classifier", here.root / "prompts" / "comment_classifier")
    here.database("sample")
    url = make_conninfo(here.server, dbname="sample")
    with open_url(url, here.root / "data") as db:
        load_sample(db, SAMPLE / "data" / "sample")
    here.wave("approve", "comment_classifier", "--by", "bench", WAVES_DATABASE=url)
    here.wave("fire", "comment_classifier", "--json", WAVES_DATABASE=url)
    return url


def _repeat(runs: int, here: Place, command: Sequence[str], environment: dict[str, str]) -> list[Run]:
    return [measured(command, here.root, environment) for _ in range(runs)]


def _heavy(here: Place, argument: str, environment: dict[str, str]) -> list[str]:
    run = measured([sys.executable, "-X", "importtime", str(WAVE), argument], here.root, environment)
    imported = set(IMPORTED.findall(run.stderr))
    return [name for name in HEAVY if name in imported]


if __name__ == "__main__":
    main()
