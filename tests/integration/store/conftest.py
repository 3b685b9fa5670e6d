"""A table, a theme and its waves on a real database, for the tests of the gap and of collect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from waves.config.theme import Source, Target, Theme
from waves.models import Counts, Item, Limits, Manifest, Part
from waves.store import gap
from waves.store.catalog import describe as catalog
from waves.store.connect import Database
from waves.store.merge import versioned_upsert
from waves.store.shape.shape import Shape

V1, V2 = "v1-aaaaaaa", "v2-bbbbbbb"
COLUMNS = (("$labels", "labels"), ("$confidence", "confidence"), ("$version", "version"))
COMMENTS = """
    CREATE TABLE comments (id bigint PRIMARY KEY, content text, note text, score double precision, changed timestamptz,
                           labels text, confidence double precision, version text);
    CREATE INDEX ON comments (version, id);
"""


def theme_of(
    *,
    relation: str = "comments",
    key: Sequence[str] = ("id",),
    columns: Iterable[tuple[str, str]] | None = COLUMNS,
    table: str = "comments",
    target_key: Sequence[str] | None = None,
    inputs: Sequence[str] = ("content", "note"),
    insert: bool = False,
    **source: str | None,
) -> Theme:
    target = None if columns is None else Target(table, tuple(target_key or key), tuple(columns), insert)
    return Theme(
        theme_id="t",
        layer="tests",
        source=Source(relation, tuple(key), tuple(inputs), **source),
        target=target,
        backends=("rehearsal",),
        models=None,
        limits=Limits(),
        folder=Path(),
    )


@dataclass
class Corpus:
    """One theme on one database, and what a fire does with it."""

    db: Database
    theme: Theme
    active: str = V1
    waves: int = 0
    shape: Shape = field(init=False)

    v1 = V1
    v2 = V2

    def __post_init__(self) -> None:
        self.run("INSERT INTO waves.theme (theme_id) VALUES ('t') ON CONFLICT DO NOTHING")
        for version in (V1, V2):
            self.run(
                "INSERT INTO waves.theme_rubric (theme_id, version, prompt, output_schema_json, input_columns) "
                "VALUES ('t', %s, '', '{}', '[]') ON CONFLICT DO NOTHING",
                version,
            )
        self.activate(self.active)
        self.describe()

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.db.connection.execute(query, values)
        return list(cursor.fetchall()) if cursor.description else []

    def describe(self) -> Shape:
        self.shape = catalog.describe(self.db, self.theme)
        return self.shape

    def activate(self, version: str) -> None:
        self.active = version
        self.run("UPDATE waves.theme SET active_version = %s WHERE theme_id = 't'", version)

    def take(
        self, keys: int = 700, drift_rows: int = 50_000, *, dry_run: bool = False, run_id: str | None = None
    ) -> gap.Taken:
        return gap.take(self.db, self.shape, self.active, keys, drift_rows, dry_run=dry_run, run_id=run_id)

    def taken(self, keys: int = 700, drift_rows: int = 50_000) -> list[str]:
        return [item.entity_key for item in self.take(keys, drift_rows, dry_run=True).items]

    def opened(self, keys: int = 700) -> Manifest:
        """A wave with what the gap holds."""
        return self.open_wave(self.take(keys).items)

    def open_wave(self, items: Sequence[Item], version: str | None = None) -> Manifest:
        self.waves += 1
        wave = f"wave-{self.waves}"
        version = version or self.active
        self.run(
            "INSERT INTO waves.wave (wave_id, theme_id, rubric_version, kind, host) "
            "VALUES (%s, 't', %s, 'normal', 'h')",
            wave,
            version,
        )
        now = datetime(2026, 11, 20, tzinfo=UTC)
        names = (self.db.installation, "t", wave, "normal", version, "rehearsal", "model-1")
        return Manifest(*names, Limits(), tuple(items), now)  # type: ignore[arg-type]

    def collect(
        self, manifest: Manifest, parts: Iterable[Part] | None = None, *, rate: float = 0.05, by: str | None = None
    ) -> versioned_upsert.MergeResult:
        given = list(parts) if parts is not None else [self.part(manifest, item) for item in manifest.items]
        counts = Counts(emitted=len(manifest.items), parts=len(given))
        return versioned_upsert.collect(
            self.db, self.shape, manifest, "run-1", given, counts, max_orphan_rate=rate, accept_orphans_by=by
        )

    def fire(self, keys: int = 700, **output: Any) -> list[str]:
        """One wave from the gap to the database. → the keys that were asked about."""
        items = self.take(keys).items
        if items:
            manifest = self.open_wave(items)
            self.collect(manifest, [self.part(manifest, item, **output) for item in items])
        return [item.entity_key for item in items]

    def verdicts(self) -> dict[tuple[str, str], str]:
        """(key, version) → state."""
        rows = self.run("SELECT entity_key, rubric_version, state FROM waves.verdict ORDER BY created_at")
        return {(key, version): state for key, version, state in rows}

    @staticmethod
    def part(manifest: Manifest, item: Item, **output: Any) -> Part:
        return Part(
            theme=manifest.theme_id,
            wave=manifest.wave_id,
            entity_key=item.entity_key,
            input_hash=item.input_hash,
            rubric_version=manifest.rubric_version,
            model=manifest.model,
            backend=manifest.backend,
            call_id="call-1",
            output={"labels": ["question"], **output},
            confidence=0.75,
            parse="strict",
            created_at=manifest.created_at,
        )


@pytest.fixture
def on_table(db: Database) -> Callable[..., Corpus]:
    """A corpus on the tables that the given SQL makes; the other arguments are those of `theme_of`."""

    def build(tables: str, **keys: Any) -> Corpus:
        db.connection.execute(tables)
        return Corpus(db, theme_of(**keys))

    return build


@pytest.fixture
def comments(on_table: Callable[..., Corpus]) -> Callable[..., Corpus]:
    """`comments(30)`: a corpus of so many comments, numbered from 1, in one table with its target columns."""

    def build(rows: int, **keys: Any) -> Corpus:
        fill = f"INSERT INTO comments (id, content, score) SELECT g, 'text ' || g, -g FROM generate_series(1, {rows}) g"
        return on_table(COMMENTS + fill, **keys)

    return build
