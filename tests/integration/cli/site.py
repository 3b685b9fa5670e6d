"""A project in a folder of its own and `wave` as a person or cron calls it, in this process or in one of its own.

The table is `comment`; the theme `comments` asks the backend `provider`, a rehearsal server outside of the project.
"""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import prefork
from tests.prefork import Running
from tests.project_folder import WAVE, ProjectFolder, Ran
from tests.wave_command import WARNINGS, run

ROOT = Path(__file__).parents[3]
THEME = "comments"
KEY = "tests-key"
TABLE = """
    CREATE TABLE comment (id bigint PRIMARY KEY, content text, kind text, labels text, confidence double precision,
                          version text);
    CREATE INDEX ON comment (version, id);
"""
THEME_FILE = """\
layer: tests
source: {relation: comment, key: id, input: [content, kind]}
target: {table: comment, key: id, columns: {$labels: labels, $confidence: confidence, $version: version}}
backends: [provider]
wave: {keys: 700, batch_size: 12, parallel: 4}
"""
RUBRIC = """\
---
kind: classify
multi: true
labels:
  question: asks something
  praise: agrees or thanks
---
Label each comment by what it does.

### Example

```json
{"content": "How many patients were in the second group?", "kind": "review"}
```

```json
{"labels": ["question"], "confidence": 0.9}
```

### Example

```json
{"content": "I fully agree, a wonderful paper, thank you.", "kind": "review"}
```

```json
{"labels": ["praise"], "confidence": 0.9}
```
"""
TEXTS = ("How many patients were left out of group {}?", "A wonderful paper, thank you for point {}.")


@dataclass
class Site(ProjectFolder):
    provider: str
    theme: str = THEME
    environment: dict[str, str] = field(default_factory=lambda: {"SITE_KEY": KEY})

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.write("waves.yaml", self.project_file())
        self.write(f"prompts/{self.theme}/theme.yaml", THEME_FILE)
        self.write(f"prompts/{self.theme}/v1.md", RUBRIC)

    @property
    def folder(self) -> Path:
        return self.root / "prompts" / self.theme

    def project_file(self, **more: str) -> str:
        backend = {"kind": "anthropic", "models": ["model-1"], "base_url": self.provider, "api_key_env": "SITE_KEY"}
        return json.dumps({"database": self.database, "backends": {"provider": backend | more}})

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_bytes(text.encode())

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_bytes().decode()
        assert text.count(old) == 1, (old, text)
        self.write(name, text.replace(old, new))

    # --- wave -------------------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        return [*WAVE, *arguments]

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**os.environ, "PYTHONWARNINGS": ",".join(WARNINGS), **self.environment, **(more or {})}

    def wave(self, *arguments: str, **more: str) -> Ran:
        """`wave` without a terminal, as cron runs it, but in this process; `more` is the environment's."""
        return run(arguments, self.root, self.environ(more))

    def process(self, *arguments: str, **more: str) -> Ran:
        """The same in a process of its own."""
        return self.begin(*arguments, **more).end(120)

    def begin(self, *arguments: str, **more: str) -> Running:
        return prefork.begin(arguments, self.root, self.environ(more))

    def fire(self, *arguments: str, **more: str) -> dict[str, Any]:
        """The object of a fire that ends well."""
        ran = self.wave("fire", self.theme, "--json", *arguments, **more)
        assert ran.code == 0, ran
        assert ran.err == ""
        return ran.json

    def status(self) -> dict[str, Any]:
        """The theme's object of `wave status --json`."""
        ran = self.wave("status", self.theme, "--json")
        assert ran.code == 0, ran
        (found,) = ran.json["themes"]
        assert isinstance(found, dict)
        return found

    def approve(self) -> None:
        ran = self.wave("approve", self.theme, "--by", "tests")
        assert ran.code == 0, ran

    def on_terminal(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """`wave` on a terminal of 120 columns, where somebody has `typed`: its exit code, and all that it showed."""
        ours, theirs = pty.openpty()
        environ = self.environ({"COLUMNS": "120", "LINES": "40", "TERM": "xterm"})
        process = prefork.start("wave", arguments, self.root, environ, streams=(theirs, theirs, theirs))
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b"".join(_until_closed(ours))
        os.close(ours)
        return process.wait(120), shown.decode()

    # --- the database -----------------------------------------------------------------------------------------------

    def fill(self, rows: int) -> None:
        """The table with so many comments, from id 1."""
        self.sql(TABLE)
        self.insert((TEXTS[n % 2].format(n), "review") for n in range(1, rows + 1))

    def insert(self, rows: Iterable[tuple[str | None, str | None]]) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            numbered = [(n, *row) for n, row in enumerate(rows, 1)]
            cursor.executemany("INSERT INTO comment (id, content, kind) VALUES (%s, %s, %s)", numbered)

    def insert_more(self, rows: int) -> None:
        """So many more comments, after the last one."""
        self.sql(
            "INSERT INTO comment (id, content, kind) SELECT last + n, 'And why, in group ' || n || '?', 'review' "
            "FROM (SELECT coalesce(max(id), 0) AS last FROM comment) AS c, generate_series(1, %s) AS n",
            rows,
        )

    def states(self) -> dict[str, int]:
        """How many verdicts there are in each state."""
        return dict(self.sql("SELECT state, count(*) FROM waves.verdict GROUP BY 1"))


def _until_closed(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side is closed
            return
        if not data:
            return
        yield data
