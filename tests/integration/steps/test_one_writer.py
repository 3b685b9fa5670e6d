"""The database is touched by the runner alone, however many requests are in flight: workers never connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.steps.recipes import Unconnected
from waves.fire import FireOptions, fire
from waves.steps import run

if TYPE_CHECKING:
    import pytest

    from waves.config.project import Project
    from waves.models import Counts
    from waves.store.connect import Database


class Census:
    """Counts the connections of `waves` each time that parts were written."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.seen: set[int] = set()

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None:  # noqa: ARG002 - a watcher's
        query = """SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'waves' AND pid <> pg_backend_pid()"""
        row = self._db.execute(query).fetchone()
        assert row is not None
        self.seen.add(int(row[0]))

    def converged(self, wave_id: str, counts: Counts) -> None: ...

    def warned(self, message: str) -> None: ...


def test_a_fire_has_one_connection_and_one_for_its_lock_and_its_workers_have_none(
    project: Project, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "Classifier", Unconnected)
    census = Census(db)
    report = fire(project, "notes", FireOptions(parallel=8), census)
    assert (report.counts.matched, report.counts.quarantined) == (20, 0)
    assert census.seen == {2}
