"""collect: all or nothing, once, and only where the row still has the content that was judged."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from waves.errors import BadDataError, ConfigurationError, HeldError, TryLaterError
from waves.store.merge.versioned_upsert import MergeResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus
    from waves.models import Manifest

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def everything(corpus: Corpus) -> list[Any]:
    tables = ("comments", "waves.verdict", "waves.audit_log", "waves.wave", "waves.theme")
    return [corpus.run(f"SELECT * FROM {table} AS t ORDER BY t::text") for table in tables]


def history_alone(corpus: Corpus) -> list[Any]:
    """The audit of verdicts that the target does not show."""
    return corpus.run(
        "SELECT entity_id, after_json->>'state', reason FROM waves.audit_log WHERE after_json ? 'state' ORDER BY 1"
    )


def test_the_clean_case_has_equal_sets_and_one_audit_row_for_each_row(comments: Make) -> None:
    corpus = comments(30)
    manifest = corpus.opened()
    assert corpus.collect(manifest) == MergeResult(30, 30, 0, (), applied=True)
    assert corpus.run("SELECT labels, confidence, version, count(*) FROM comments GROUP BY 1, 2, 3") == [
        ('["question"]', 0.75, corpus.v1, 30)
    ]
    assert corpus.run("SELECT labels::jsonb @> '[\"question\"]' FROM comments LIMIT 1") == [(True,)]
    (counts,) = corpus.run("SELECT state, closed_at IS NOT NULL, counts FROM waves.wave")[0][2:]
    assert (counts["entries"], counts["matched"], counts["orphaned"]) == (30, 30, 0)
    audited = corpus.run("SELECT run_id, actor, entity_id, before_json, after_json FROM waves.audit_log ORDER BY id")
    assert sorted(row[2] for row in audited) == sorted(str(n) for n in range(1, 31))
    assert audited[0][3] == {"labels": None, "confidence": None, "version": None}
    assert audited[0][4] == {"labels": '["question"]', "confidence": 0.75, "version": corpus.v1}
    assert {row[:2] for row in audited} == {("run-1", "waves")}
    verdict = corpus.run(
        "SELECT DISTINCT state, output, confidence, model, call_id, wave_id, run_id FROM waves.verdict"
    )
    assert verdict == [("accepted", {"labels": ["question"]}, 0.75, "model-1", "call-1", "wave-1", "run-1")]
    assert corpus.run("SELECT count(*) FROM waves.verdict WHERE applied_at IS NULL") == [(0,)]


def test_a_wave_that_is_closed_is_not_touched_again(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    corpus.collect(manifest)
    before = everything(corpus)
    assert corpus.collect(manifest) == MergeResult(already_closed=True)
    assert everything(corpus) == before


def test_a_wave_that_the_database_does_not_know_is_bad_data_and_changes_nothing(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    corpus.run("DELETE FROM waves.wave")
    before = everything(corpus)
    with pytest.raises(BadDataError, match="does not know wave"):
        corpus.collect(manifest)
    assert everything(corpus) == before


def test_of_two_that_collect_the_same_wave_at_once_one_does_nothing(comments: Make) -> None:
    corpus = comments(50)
    manifest = corpus.opened()
    merges: list[MergeResult] = []
    with psycopg.connect(corpus.db.url, autocommit=True) as other:
        second = replace(corpus, db=replace(corpus.db, connection=other))
        threads = [threading.Thread(target=lambda c=c: merges.append(c.collect(manifest))) for c in (corpus, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(merge.already_closed for merge in merges) == [False, True]
    assert corpus.run("SELECT count(*) FROM waves.audit_log") == [(50,)]


def test_rows_edited_deleted_and_inserted_while_the_wave_is_open(comments: Make) -> None:
    corpus = comments(30)
    manifest = corpus.opened()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 3")
    corpus.run("DELETE FROM comments WHERE id = 4")
    corpus.run("INSERT INTO comments (id, content) VALUES (99, 'new')")
    assert corpus.collect(manifest) == MergeResult(30, 28, 2, (), applied=True)
    assert corpus.run("SELECT id FROM comments WHERE version IS NULL ORDER BY id") == [(3,), (99,)]
    assert corpus.run("SELECT entity_key, state FROM waves.verdict WHERE applied_at IS NULL ORDER BY 1") == [
        ("3", "accepted"),
        ("4", "accepted"),
    ]
    assert history_alone(corpus) == [
        (key, "accepted", "orphaned in wave-1: the row changed or vanished since prepare") for key in ("3", "4")
    ]
    assert corpus.fire() == ["3", "99"]
    corpus.run("UPDATE comments SET content = 'text 3' WHERE id = 3")
    assert (corpus.take().restored, corpus.fire()) == (1, [])


def test_an_orphan_whose_content_returns_is_restored_without_asking(comments: Make) -> None:
    corpus = comments(30)
    manifest = corpus.opened()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 3")
    corpus.collect(manifest)
    corpus.run("UPDATE comments SET content = 'text 3' WHERE id = 3")
    taken = corpus.take()
    assert (taken.items, taken.restored) == ((), 1)
    assert corpus.run("SELECT count(*) FROM comments WHERE version = %s", corpus.v1) == [(30,)]


@pytest.mark.parametrize(
    ("rows", "edited", "rate", "held"),
    [(30, 20, 0.05, False), (30, 21, 0.05, True), (500, 25, 0.05, False), (500, 26, 0.05, True), (30, 1, 0, True)],
)
def test_too_many_orphans_hold_the_wave_and_nothing_is_merged(
    comments: Make, rows: int, edited: int, rate: float, *, held: bool
) -> None:
    corpus = comments(rows)
    manifest = corpus.opened()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id <= %s", edited)
    before = everything(corpus)
    if not held:
        assert corpus.collect(manifest, rate=rate).orphaned == edited
        return
    with pytest.raises(HeldError, match=f"{edited} of {rows} rows of wave wave-1"):
        corpus.collect(manifest, rate=rate)
    assert everything(corpus) == before


def test_a_held_wave_is_merged_when_a_person_accepts_its_orphans_and_that_is_audited(comments: Make) -> None:
    corpus = comments(30)
    manifest = corpus.opened()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id <= 25")
    corpus.run("UPDATE waves.wave SET state = 'held'")
    assert corpus.collect(manifest, by="ada") == MergeResult(30, 5, 25, (), applied=True)
    said = corpus.run("SELECT reason FROM waves.audit_log WHERE actor = 'ada'")
    assert said == [("accepted 25 orphans of 30 entries of wave wave-1",)]
    assert corpus.run("SELECT state FROM waves.wave") == [("closed",)]


def test_a_version_that_is_not_active_any_more_enters_history_alone(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    corpus.activate(corpus.v2)
    assert corpus.collect(manifest) == MergeResult(5, 5, 0, (), applied=False)
    assert corpus.run("SELECT DISTINCT labels, version FROM comments") == [(None, None)]
    reason = f"collected wave-1 into history: {corpus.v1} is not active"
    assert history_alone(corpus) == [(str(key), "accepted", reason) for key in range(1, 6)]
    corpus.activate(corpus.v1)
    assert corpus.take(run_id="run-2").restored == 5
    restored = corpus.run("SELECT reason, count(*) FROM waves.audit_log WHERE run_id = 'run-2' GROUP BY 1")
    assert restored == [(f"restored {corpus.v1}", 5)]


def test_activation_waits_until_collect_is_through(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    done = _collected_after(corpus, manifest, f"UPDATE waves.theme SET active_version = '{corpus.v2}'")
    assert [merge.applied for merge in done] == [False]


APART = """
    CREATE TABLE verdicts (doc bigint PRIMARY KEY, labels text[]);
    CREATE TABLE docs (id bigint PRIMARY KEY, content text);
    INSERT INTO docs SELECT g, 'c' FROM generate_series(1, 3) g;
"""
INSERTS: dict[str, Any] = {
    "relation": "docs",
    "table": "verdicts",
    "target_key": ("doc",),
    "inputs": ("content",),
    "columns": (("$labels", "labels"),),
    "insert": True,
}
"""Verdicts in a table of their own, into which they are inserted."""


def test_a_row_that_somebody_else_inserts_while_collect_waits_is_audited_with_what_it_held(on_table: Make) -> None:
    corpus = on_table(APART, **INSERTS)
    manifest = corpus.opened()
    done = _collected_after(corpus, manifest, "INSERT INTO verdicts VALUES (2, '{by hand}')")
    assert done == [MergeResult(3, 3, 0, (), applied=True)]
    audit = (
        "SELECT entity_id, before_json->'labels', after_json->'labels' FROM waves.audit_log WHERE run_id IS NOT NULL"
    )
    ours = ["question"]
    assert sorted(corpus.run(audit)) == [("1", None, ours), ("2", ["by hand"], ours), ("3", None, ours)]
    assert corpus.run("SELECT DISTINCT labels FROM verdicts") == [(ours,)]


ROUTED = """
    CREATE TABLE verdicts_1 () INHERITS (verdicts);
    CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO verdicts_1 SELECT new.*; RETURN NULL; END $$;
    CREATE TRIGGER route BEFORE INSERT ON verdicts FOR EACH ROW EXECUTE FUNCTION route();
"""


def test_a_trigger_may_route_what_is_inserted_into_another_table(on_table: Make) -> None:
    corpus = on_table(APART + ROUTED, **INSERTS)
    assert corpus.collect(corpus.opened()) == MergeResult(3, 3, 0, (), applied=True)
    assert corpus.run("SELECT array_agg(doc ORDER BY doc), labels FROM verdicts_1 GROUP BY 2") == [
        ([1, 2, 3], ["question"])
    ]
    assert corpus.take().exhausted


def test_an_edit_that_commits_while_collect_waits_for_the_row_is_seen(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    done = _collected_after(corpus, manifest, "UPDATE comments SET content = 'edited' WHERE id = 2")
    assert done == [MergeResult(5, 4, 1, (), applied=True)]


@pytest.mark.parametrize("state", ["40001", "40P01"], ids=["serialization failure", "deadlock"])
def test_a_conflict_with_another_session_costs_another_try_and_no_verdict(comments: Make, state: str) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    corpus.db.connection.execute(CONFLICT.format(state=state, times=3))
    assert corpus.collect(manifest) == MergeResult(5, 5, 0, (), applied=True)
    assert corpus.run("SELECT count(*) FROM waves.audit_log") == [(5,)]


def test_a_conflict_that_does_not_end_is_left_to_the_next_fire(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    corpus.db.connection.execute(CONFLICT.format(state="40P01", times=99))
    before = everything(corpus)
    with pytest.raises(TryLaterError):
        corpus.collect(manifest)
    assert everything(corpus) == before


def test_the_parts_must_belong_to_the_wave_and_be_there_once(comments: Make) -> None:
    corpus = comments(3)
    manifest = corpus.opened()
    good = [corpus.part(manifest, item) for item in manifest.items]
    before = everything(corpus)
    for wrong in (
        [*good, good[0]],
        [replace(good[0], wave="wave-9")],
        [replace(good[0], rubric_version="v9")],
        [replace(good[0], theme="other")],
        [replace(good[0], input_hash="0")],
        [replace(good[0], entity_key="77")],
    ):
        with pytest.raises(BadDataError, match="does not belong to wave wave-1, or is there twice"):
            corpus.collect(manifest, wrong)
    assert everything(corpus) == before


def test_entries_that_something_swallows_undo_the_whole_collect(comments: Make) -> None:
    corpus = comments(3)
    manifest = corpus.opened()
    corpus.run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    corpus.run(
        "CREATE TRIGGER swallow BEFORE INSERT ON waves.verdict FOR EACH ROW WHEN (new.entity_key = '2') "
        "EXECUTE FUNCTION swallow()"
    )
    before = everything(corpus)
    with pytest.raises(BadDataError, match="are not its parts"):
        corpus.collect(manifest)
    assert everything(corpus) == before


def test_a_part_of_the_parts_is_merged_and_the_others_stay_in_the_gap(comments: Make) -> None:
    corpus = comments(5)
    manifest = corpus.opened()
    merge = corpus.collect(manifest, [corpus.part(manifest, item) for item in manifest.items[:3]])
    assert (merge.entries, merge.matched) == (3, 3)
    assert corpus.taken() == ["4", "5"]


def test_no_parts_at_all_close_the_wave(comments: Make) -> None:
    corpus = comments(2)
    assert corpus.collect(corpus.opened(), []) == MergeResult(applied=True)
    assert corpus.run("SELECT state FROM waves.wave") == [("closed",)]


def test_an_accepted_verdict_replaces_a_failed_or_quarantined_one_and_keeps_its_attempts(comments: Make) -> None:
    corpus = comments(2)
    manifest = corpus.opened()
    for item, state in zip(manifest.items, ("failed", "quarantined"), strict=True):
        corpus.run(
            "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, attempts, reason, raw)"
            " VALUES ('t', %s, %s, %s, %s, 2, 'no label', 'raw')",
            *(item.entity_key, corpus.v1, item.input_hash, state),
        )
    corpus.collect(manifest)
    assert corpus.run("SELECT DISTINCT state, attempts, reason, raw FROM waves.verdict") == [
        ("accepted", 2, None, None)
    ]


CONFLICT = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF nextval('tries') < {times} THEN RAISE EXCEPTION SQLSTATE '{state}'; END IF; RETURN new; END $$;
    CREATE TRIGGER conflict BEFORE UPDATE ON comments FOR EACH ROW EXECUTE FUNCTION conflict();
"""


def test_a_right_that_is_lost_in_between_is_a_configuration_error_and_changes_nothing(comments: Make) -> None:
    corpus = comments(3)
    manifest = corpus.opened()
    role = corpus.run("SELECT 'reader_' || current_database()")[0][0]
    corpus.db.connection.execute(f"""CREATE ROLE "{role}"; GRANT ALL ON SCHEMA waves TO "{role}";
        GRANT ALL ON ALL TABLES IN SCHEMA waves TO "{role}"; GRANT SELECT ON comments TO "{role}";
        SET ROLE "{role}" """)
    try:
        with pytest.raises(ConfigurationError, match="permission denied for table comments"):
            corpus.collect(manifest)
    finally:
        corpus.db.connection.execute(f'RESET ROLE; DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    assert corpus.run("SELECT state FROM waves.wave") == [("open",)]


def _collected_after(corpus: Corpus, manifest: Manifest, statement: str) -> list[MergeResult]:
    """What a collect comes to that had to wait until `statement` of another session was committed."""
    done: list[MergeResult] = []
    with psycopg.connect(corpus.db.url) as other:
        other.execute(statement.encode())
        thread = threading.Thread(target=lambda: done.append(corpus.collect(manifest)))
        thread.start()
        _await_lock(corpus)
        assert done == []
        other.commit()
        thread.join(60)
    return done


def _await_lock(corpus: Corpus) -> None:
    """Until a session of this database waits for a lock."""
    waiting = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with psycopg.connect(corpus.db.url, autocommit=True) as watcher:
        for _ in range(20_000):
            if watcher.execute(waiting, [watcher.info.dbname]).fetchone() is not None:
                return
    raise AssertionError("nobody waits")
