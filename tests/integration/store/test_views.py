"""The views of a theme show its own rows under the names its users know; feedback may be inserted through one."""

from __future__ import annotations

import threading

import psycopg
import pytest

from waves.errors import WaveError
from waves.store.connect import Database, open_url
from waves.store.rubrics import rubric_registry
from waves.store.tables import audit, run_metrics
from waves.store.tables.views import ensure_views

pytestmark = pytest.mark.postgres

LONGEST = "a" * 41


@pytest.fixture
def views(db: Database) -> Database:
    for theme_id in ("letters", "numbers", LONGEST):
        rubric_registry.ensure_theme(db, theme_id)
        ensure_views(db, theme_id)
    return db


def test_runs_show_the_names_that_users_of_a_classifier_know(views: Database) -> None:
    run_metrics.start_run(views, "r1", "letters", "cron", "here", 1, dry_run=False)
    run_metrics.start_run(views, "r2", "numbers", "cron", "here", 1, dry_run=False)
    run_metrics.finish_run(
        views, "r1", state="collected", items_considered=9, items_processed=7, items_errored=2, rubric_version="v1-0"
    )
    rows = views.execute(
        "SELECT run_id, started_at IS NULL, finished_at IS NULL, dry_run, candidates, classified, errors,"
        " prompt_version FROM waves.letters_runs"
    ).fetchall()
    assert rows == [("r1", False, False, False, 9, 7, 2, "v1-0")]


def test_the_audit_log_shows_before_and_after_of_the_theme_alone(views: Database) -> None:
    for theme_id in ("letters", "numbers"):
        audit.record(views, theme_id, "ana", "k1", before={"a": 1}, after={"a": 2}, reason="because")
    rows = views.execute("SELECT actor, entity_id, before_json, after_json, reason FROM waves.letters_audit_log")
    assert rows.fetchall() == [("ana", "k1", {"a": 1}, {"a": 2}, "because")]


def test_feedback_inserted_through_the_view_belongs_to_the_theme(views: Database) -> None:
    views.execute(
        "INSERT INTO waves.letters_outcome_feedback (output_row_id, outcome_metric, outcome_value)"
        " VALUES ('k1', 'up', 1)"
    )
    assert views.execute("SELECT theme_id, output_row_id FROM waves.outcome_feedback").fetchall() == [("letters", "k1")]
    assert views.execute("SELECT count(*) FROM waves.letters_outcome_feedback").fetchone() == (1,)
    assert views.execute("SELECT count(*) FROM waves.numbers_outcome_feedback").fetchone() == (0,)


def test_feedback_for_another_theme_is_refused(views: Database) -> None:
    with pytest.raises(WaveError):
        views.execute(
            "INSERT INTO waves.letters_outcome_feedback (output_row_id, outcome_metric, theme_id)"
            " VALUES ('k1', 'up', 'numbers')"
        )


def test_the_longest_theme_name_has_views_of_its_own(views: Database) -> None:
    found = views.execute("SELECT count(*) FROM pg_views WHERE viewname LIKE %(name)s", {"name": f"{LONGEST}%"})
    assert found.fetchone() == (3,)


def test_a_reader_of_a_view_does_not_hold_up_the_next_fire(views: Database, database_url: str) -> None:
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT * FROM waves.letters_runs")
        views.execute("SET lock_timeout = '1s'")
        ensure_views(views, "letters")


def test_two_fires_may_make_the_views_at_once(
    db: Database, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    faults: list[WaveError] = []

    def run() -> None:
        with open_url(database_url, tmp_path_factory.getbasetemp()) as own:
            try:
                ensure_views(own, "letters")
            except WaveError as error:
                faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert db.execute("SELECT count(*) FROM waves.letters_runs").fetchone() == (0,)
