"""A target that refuses to clear what it shows about another text is named, and stops nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from waves.config.project import Project
from waves.fire import FireOptions, fire
from waves.steps.reports.status import status
from waves.steps.session.session import Invocation, NullWatcher, open_session
from waves.store import gap
from waves.store.connect import Database
from waves.surfaces.cli.tables.status import show_themes

pytestmark = pytest.mark.postgres


class Warnings(NullWatcher):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warned(self, message: str) -> None:
        self.lines.append(message)


def give_up_new_text(opening: Callable[..., Invocation], db: Database) -> None:
    db.execute("UPDATE notes SET content = content || '!' WHERE id = 1")
    with open_session(opening(), "run-x") as session:
        version = session.rubric.version
        (item,) = gap.take(session.db, session.shape, version, 9, 50_000, dry_run=True).items
    db.execute(
        "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state) "
        "VALUES ('notes', %(key)s, %(version)s, %(hash)s, 'refused')",
        {"key": item.entity_key, "version": version, "hash": item.input_hash},
    )


def test_a_row_that_the_target_does_not_let_be_cleared_is_named_with_the_reason_and_the_remedy(
    project: Project, opening: Callable[..., Invocation], db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    db.execute("DELETE FROM notes WHERE id > 2")
    assert fire(project, "notes", FireOptions(until_complete=True)).ending.reason is None
    db.execute("ALTER TABLE notes ALTER labels SET NOT NULL")
    give_up_new_text(opening, db)
    warned = Warnings()
    report = fire(project, "notes", FireOptions(until_complete=True), warned)
    (line,) = warned.lines
    assert line.startswith("1 row shows a verdict about another text")
    assert "NotNullViolation (23502), column labels; by key: 1; let the target take DEFAULT or NULL" in line
    assert (report.exit_code, report.ending.state) == (0, "complete")
    show_themes([status(project, db, "notes")])
    assert line in capsys.readouterr().out
