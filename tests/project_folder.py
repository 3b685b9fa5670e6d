"""What all tests with a project of their own share: its folder, its database, and how a `wave` that ran there ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

WAVE = (sys.executable, "-m", "waves")


@dataclass(frozen=True, slots=True)
class Ran:
    """How one `wave` ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; fails where there is anything else."""
        assert self.out.endswith("}\n"), self
        assert self.out.count("\n") == 1, self
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def state(self) -> str:
        """The state that a fire reports with --json."""
        return str(self.json["state"])

    @property
    def fault(self) -> tuple[str, str]:
        """The two lines of an error: what is wrong, what to do."""
        lines = self.err.splitlines()
        assert len(lines) == 2, self.err
        assert lines[0].startswith("wave: "), self.err
        assert lines[1].startswith("      "), self.err
        return lines[0].removeprefix("wave: "), lines[1].strip()


@dataclass
class ProjectFolder:
    """`database` is a URL, as it stands in waves.yaml."""

    root: Path
    database: str

    @property
    def data(self) -> Path:
        return self.root / "data"

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            yield connection

    def sql(self, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(query, values)
            # a SELECT of no columns has rows, and no description
            has_rows = cursor.description or (cursor.statusmessage or "").startswith("SELECT")
            return cursor.fetchall() if has_rows else []


def url_of(conninfo: str) -> str:
    """A `postgresql://` URL, as a person writes it into waves.yaml."""
    found = dict(conninfo_to_dict(conninfo))
    name = found.pop("dbname")
    return f"postgresql:///{name}?{urlencode(found)}"
