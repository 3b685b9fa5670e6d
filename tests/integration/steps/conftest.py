"""A small project over the test's own database: a table of notes, a rubric, a backend on the rehearsal provider.

`session` is that of a project of its own, of which nothing is asked and where nothing runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import workers
from tests.faults.provider import Provider
from tests.integration.cli.site import TABLE as COMMENTS
from tests.integration.cli.site import Site
from tests.project_folder import url_of
from waves.config import project as projects
from waves.config.project import BackendConfig, Project
from waves.fire import FireOptions, fire
from waves.fire_report import FireReport
from waves.models import Limits
from waves.steps.session.session import Invocation, Session, Watcher, open_session
from waves.store.connect import Database

Fire = Callable[..., FireReport]
FireAgain = Callable[[Project], list[FireReport]]

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
    workers.warm_up()
    folder = tmp_path / "project with blanks"
    (folder / "prompts" / "notes").mkdir(parents=True)
    (folder / "waves.yaml").write_text("database: embedded\n")
    (folder / "prompts" / "notes" / "theme.yaml").write_text(THEME)
    (folder / "prompts" / "notes" / "v1.md").write_text(RUBRIC)
    db.connection.execute(TABLE.encode())
    monkeypatch.setenv("WAVES_DATABASE", database_url)
    return projects.load(folder)


@pytest.fixture
def opening(project: Project) -> Callable[..., Invocation]:
    """An opening of the theme `notes`, with limits as keywords."""
    return lambda **flags: Invocation(project, "notes", flags)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """A stand-in provider outside of the project, with its record."""
    found = Provider(tmp_path / "record.jsonl")
    yield found
    found.stop()


@pytest.fixture
def fire_at(project: Project, provider: Provider, db: Database) -> Callable[..., Fire]:
    """`fire_at(**scenario)` gives `fire(watcher, **changes of the backend)`, a fire through batches: 5 requests for 20
    notes."""
    db.execute("DELETE FROM notes WHERE id > 20")

    def served(**scenario: Any) -> Fire:
        url = provider.start(scenario)
        backend = BackendConfig("rehearsal", "message_batches", ("m",), url, api_key="any", timeout=5.0)

        def one_fire(watcher: Watcher | None = None, **changes: Any) -> FireReport:
            here = replace(project, backends={"rehearsal": replace(backend, **changes)})
            return fire(here, "notes", FireOptions(), watcher)

        return one_fire

    return served


@pytest.fixture
def fire_again(db: Database) -> FireAgain:
    """As many fires as an item has attempts, each after the pause of the last."""

    def fired(project: Project) -> list[FireReport]:
        reports = []
        for _ in range(Limits().max_attempts):
            reports.append(fire(project, "notes", FireOptions()))
            db.execute("UPDATE waves.verdict SET retry_at = NULL")
        return reports

    return fired


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Site:
    site = Site(tmp_path / "a project", url_of(database_url), "http://127.0.0.1:1")
    site.sql(COMMENTS)
    return site


@pytest.fixture
def session(site: Site) -> Iterator[Session]:
    with open_session(Invocation(projects.load(site.root), site.theme, {}), "run-1") as opened:
        yield opened
