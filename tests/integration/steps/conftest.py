"""A small project over the test's own database: a table of notes, a rubric, a backend on the rehearsal provider."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from waves import project as projects
from waves.project import Project
from waves.steps.session import Opening
from waves.store.connect import Database

RUBRIC = """---
kind: classify
multi: true
labels: {question: asks something, praise: likes something}
---
Judge the note.

### Example
```json
{"content": "Why is the sky blue?"}
```
```json
{"labels": ["question"], "confidence": 0.9}
```

### Example
```json
{"content": "A lovely paper, well done."}
```
```json
{"labels": ["praise"], "confidence": 0.9}
```
"""
THEME = """
source: {relation: notes, key: id, input: [content]}
target: {table: notes, key: id, columns: {$labels: labels, $confidence: confidence, $version: version}}
backends: [rehearsal]
wave: {keys: 20, batch_size: 4, parallel: 4, max_rows_without_approval: 1000}
"""
TABLE = """
CREATE TABLE notes (id bigint PRIMARY KEY, content text, labels text, confidence float8, version text);
CREATE INDEX ON notes (version, id);
INSERT INTO notes SELECT n, 'Note number ' || n || ', why?' FROM generate_series(1, 30) AS n;
"""


@pytest.fixture
def project(tmp_path: Path, db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """30 notes in the gap of theme `notes`, 20 keys a wave."""
    folder = tmp_path / "project with blanks"
    (folder / "prompts" / "notes").mkdir(parents=True)
    (folder / "waves.yaml").write_text("database: embedded\n")
    (folder / "prompts" / "notes" / "theme.yaml").write_text(THEME)
    (folder / "prompts" / "notes" / "v1.md").write_text(RUBRIC)
    db.connection.execute(TABLE.encode())
    monkeypatch.setenv("WAVES_DATABASE", database_url)
    return projects.load(folder)


@pytest.fixture
def opening(project: Project) -> Callable[..., Opening]:
    """An opening of the theme `notes`, with limits as keywords."""
    return lambda **flags: Opening(project, "notes", flags)
