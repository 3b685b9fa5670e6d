"""What the benchmarks share: a project in a temporary folder on a PostgreSQL of its own, the rehearsal provider as
somebody else's process, commands with their cost, and tables of figures.

PostgreSQL runs as long as the benchmark does, as it would in production; durability is on.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from waves.config.rubric import Rubric, newest
from waves.store.embedded import embedded

WAVE = Path(sys.executable).with_name("wave")
SAMPLE = Path(__file__).parents[1]
THEME = "bench"
MODEL = "bench-model"
KEY = "bench-key"

_THEME = """\
source: {relation: items, key: id, input: [content, kind]}
target: {table: items, key: id, columns: {$labels: labels, $confidence: confidence, $version: version}}
backends: [provider]
"""
_HEAD = """\
---
kind: classify
multi: true
labels: {praise: likes it, request: asks for a change, question: wants to know something, claim: states a fact}
---
You label comments. Decide for each what it does; labels may co-occur, and none is a valid answer.

"""
_ADVICE = "Judge what the comment does and not the words it uses, case {n}: a polite question may well be a request.\n"
_EXAMPLE = """
### Example

```json
{"content": "Please add the dose.", "kind": "review"}
```

```json
{"labels": ["request"], "confidence": 0.9}
```
"""
_TABLE = """
CREATE TABLE items (id bigint PRIMARY KEY, content text NOT NULL, kind text NOT NULL,
                    labels text, confidence double precision, version text);
CREATE INDEX items_by_version ON items (version, id)
"""
_ROWS = """
INSERT INTO items (id, content, kind)
SELECT n, 'Comment ' || n || ': ' || repeat('the sampling is described in a single sentence, ', 1 + n %% 6), 'review'
  FROM generate_series(1, %s) AS n
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One command: what it printed, seconds on the clock, seconds of CPU, its largest resident set in bytes."""

    stdout: str
    stderr: str
    seconds: float
    cpu: float
    peak: int

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """A project of our own. `server` is the URL of its PostgreSQL."""

    root: Path
    server: str

    def write_theme(self, rubric_tokens: int) -> Rubric:
        """The theme, with a rubric of about so many tokens (four bytes each)."""
        folder = self.root / "prompts" / THEME
        folder.mkdir(parents=True)
        (folder / "theme.yaml").write_text(_THEME)
        fixed = len(_HEAD) + len(_EXAMPLE)
        lines = max(1, (rubric_tokens * 4 - fixed) // len(_ADVICE))
        (folder / "v1.md").write_text(_HEAD + "".join(_ADVICE.format(n=n) for n in range(lines)) + _EXAMPLE)
        return newest(folder)

    def use_provider(self, url: str, **settings: object) -> None:
        """`settings` are further keys of the backend in waves.yaml."""
        backend = {"kind": "anthropic", "base_url": url, "models": [MODEL], "api_key_env": "BENCH_KEY", **settings}
        (self.root / "waves.yaml").write_text(json.dumps({"backends": {"provider": backend}}))

    def database(self, name: str, template: str = "template1") -> str:
        """The URL of a new database, cloned from `template`."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return make_conninfo(self.server, dbname=name)

    def filled(self, name: str, rows: int) -> str:
        """The URL of a new database with so many rows, none of them judged, and the rubric approved."""
        url = self.database(name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_TABLE)
            connection.execute(_ROWS, [rows])
            connection.execute("VACUUM ANALYZE items")
        self.wave("approve", THEME, "--by", "bench", WAVES_DATABASE=url)
        return url

    def wave(self, *arguments: str, **environment: str) -> Run:
        """The real command line in this project. Raises where it fails."""
        return measured([str(WAVE), *arguments], self.root, environment)


@contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="waves-bench-") as name:
        root = Path(name)
        root.chmod(0o711)  # started by root, PostgreSQL runs as a user of its own
        (root / "waves.yaml").write_text("{}")
        try:
            yield Place(root, embedded.ensure_server(root / "data"))
        finally:
            embedded.leave_server(root / "data")


@contextmanager
def provider(latency: float, record: Path | None = None, **scenario: object) -> Iterator[str]:
    """The rehearsal provider without its brain, in a process of its own; its URL. `scenario` is what it does else."""
    boundless = dict.fromkeys(("requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"), 10**9)
    behaviour = json.dumps({"latency": {"kind": "fixed", "a": latency}, **boundless, **scenario})
    command = [sys.executable, "-m", "waves.rehearsal", "--no-brain", "--until-stdin-closes", "--scenario", behaviour]
    if record is not None:
        command += ["--record", str(record)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()


def dump_inputs(here: Place, database: str) -> Path:
    """The inputs of all items as `plain.py` reads them."""
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT content, kind FROM items ORDER BY id").fetchall()
    path = here.root / "inputs.json"
    path.write_text(json.dumps([{"content": content, "kind": kind} for content, kind in rows]))
    return path


def plain(here: Place, url: str, inputs: Path, *options: str) -> dict[str, Any]:
    """What the bare version tells."""
    script = Path(__file__).with_name("plain.py")
    rubric = here.root / "prompts" / THEME
    return measured([sys.executable, str(script), url, str(rubric), str(inputs), *options], here.root, {}).json


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str], well: Sequence[int] = (0,)) -> Run:
    """Runs the command in `folder`, whose project it finds. Raises where its exit code is none of `well`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WAVES_", "ANTHROPIC_"))}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**clean, "BENCH_KEY": KEY, **environment}, stdout=out, stderr=err
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        run = Run(out.read(), err.read(), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT)
    if process.returncode not in well:
        raise SystemExit(f"{' '.join(command)} → {process.returncode}\n{run.stdout}{run.stderr}")
    return run


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def table(title: str, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    """Figures side by side: what, ours, the bare version, their ratio, what is asked for."""
    lines = [("", "ours", "bare", "ratio", "asked for"), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    print(f"\n{title}")
    for line in lines:
        first, *others = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        print("  " + "  ".join([first.strip().ljust(widths[0]), *others]).rstrip())


def verdict(ratio: float, *, at_most: float | None = None, at_least: float | None = None) -> tuple[str, str]:
    """The ratio, and what is asked of it with whether it is reached."""
    if at_most is not None:
        return f"{ratio:.2f}", f"≤ {at_most:g} {'reached' if ratio <= at_most else 'MISSED'}"
    return f"{ratio:.2f}", f"≥ {at_least:g} {'reached' if ratio >= (at_least or 0) else 'MISSED'}"
