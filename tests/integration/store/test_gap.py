"""Which rows need work: first ones, cleared ones, those of another version, failed ones; and those that need none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def test_every_row_is_taken_once_in_key_order_and_then_nothing(comments: Make) -> None:
    corpus = comments(30)
    assert corpus.fire(12) == [str(n) for n in range(1, 13)]
    assert corpus.fire(12) == [str(n) for n in range(13, 25)]
    taken = corpus.take(12)
    assert [item.entity_key for item in taken.items] == [str(n) for n in range(25, 31)]
    assert taken.exhausted
    corpus.fire()
    assert corpus.take().items == ()


def test_an_item_holds_the_input_columns_as_text_in_the_themes_order(comments: Make) -> None:
    corpus = comments(1, inputs=("score", "content", "note"))
    corpus.run("UPDATE comments SET score = 0.1")
    (item,) = corpus.take().items
    assert list(item.input.items()) == [("score", "0.1"), ("content", "text 1"), ("note", None)]


def test_the_hash_is_the_one_that_the_design_fixes(comments: Make) -> None:
    corpus = comments(1)
    (item,) = corpus.take().items
    said = corpus.run("SELECT encode(sha256(convert_to(jsonb_build_array('text 1', NULL)::text, 'UTF8')), 'hex')")
    assert said == [(item.input_hash,)]


def test_clearing_one_version_column_selects_just_that_row(comments: Make) -> None:
    corpus = comments(20)
    corpus.fire()
    corpus.run("UPDATE comments SET version = NULL WHERE id = 9")
    assert corpus.fire() == ["9"]
    assert corpus.fire() == []


def _reloaded(corpus: Corpus, truncate: str, loaded: str = "id, content, note, score, changed") -> None:
    corpus.run(f"CREATE TEMPORARY TABLE kept AS SELECT {loaded} FROM comments")
    corpus.run(truncate)
    corpus.run(f"INSERT INTO comments ({loaded}) SELECT {loaded} FROM kept")
    corpus.run("DROP TABLE kept")


@pytest.mark.parametrize("truncate", ["TRUNCATE comments", "DELETE FROM comments"])
def test_rows_that_were_loaded_again_have_their_verdicts_restored_and_only_changed_ones_are_asked(
    comments: Make, truncate: str
) -> None:
    corpus = comments(20)
    corpus.run("ALTER TABLE comments ALTER labels SET DEFAULT '[]', ALTER confidence SET DEFAULT 0")
    corpus.describe()
    corpus.fire()
    _reloaded(corpus, truncate)
    corpus.run("UPDATE comments SET content = 'other' WHERE id = 3")
    taken = corpus.take()
    assert ([item.entity_key for item in taken.items], taken.restored) == (["3"], 19)
    assert corpus.run("SELECT DISTINCT labels, confidence, version FROM comments WHERE id <> 3") == [
        ('["question"]', 0.75, corpus.v1)
    ]
    corpus.run("UPDATE comments SET version = NULL WHERE id = 9")
    assert sorted(corpus.taken()) == ["3", "9"], "cleared by its user"


def test_a_row_of_a_target_with_a_version_alone_is_asked_again_once_it_is_cleared(comments: Make) -> None:
    corpus = comments(3, columns=[("$version", "version")])
    corpus.fire()
    corpus.run("UPDATE comments SET version = NULL WHERE id = 2")
    assert corpus.fire() == ["2"]


def test_editing_one_input_selects_just_that_row(comments: Make) -> None:
    corpus = comments(20)
    corpus.fire()
    corpus.run("UPDATE comments SET note = 'x' WHERE id = 7")
    assert corpus.fire() == ["7"]
    corpus.run("UPDATE comments SET score = 5 WHERE id = 8")
    assert corpus.fire() == []


def test_switching_the_active_version_asks_for_all_and_switching_back_restores_all_without_asking(
    comments: Make,
) -> None:
    corpus = comments(20)
    corpus.fire(labels=["one"])
    corpus.activate(corpus.v2)
    assert len(corpus.fire(labels=["two"])) == 20
    corpus.activate(corpus.v1)
    taken = corpus.take()
    assert (taken.items, taken.restored, taken.exhausted) == ((), 20, True)
    assert corpus.run("SELECT DISTINCT labels, version FROM comments") == [('["one"]', corpus.v1)]
    assert corpus.take().restored == 0
    audited = corpus.run("SELECT before_json, after_json FROM waves.audit_log WHERE entity_id = '3' ORDER BY id")
    assert [after["labels"] for _, after in audited] == ['["one"]', '["two"]', '["one"]']
    assert audited[2][0]["labels"] == '["two"]'


def test_what_is_restored_free_does_not_wait_behind_what_is_asked(comments: Make) -> None:
    """A rollback on a table of which most rows were never judged: the wrong verdicts go first."""
    corpus = comments(20)
    corpus.fire(labels=["one"])
    corpus.activate(corpus.v2)
    corpus.run("INSERT INTO comments (id, content) SELECT -g, 'of v2 alone' FROM generate_series(1, 150) g")
    corpus.fire(labels=["two"])
    corpus.activate(corpus.v1)
    corpus.run("INSERT INTO comments (id, content) SELECT g, 'new' FROM generate_series(1000, 3500) g")
    taken = corpus.take(3)
    assert (len(taken.items), taken.restored, taken.exhausted) == (3, 20, False)
    assert corpus.run("SELECT DISTINCT labels FROM comments WHERE id BETWEEN 1 AND 20") == [('["one"]',)]
    assert corpus.take(3).restored == 0


def test_a_dry_run_restores_nothing_and_says_what_it_would(comments: Make) -> None:
    corpus = comments(5)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0-0000000' WHERE id < 3")
    before = corpus.run("SELECT * FROM comments ORDER BY id"), corpus.run("SELECT * FROM waves.theme")
    assert corpus.take(dry_run=True).restored == 2
    assert (corpus.run("SELECT * FROM comments ORDER BY id"), corpus.run("SELECT * FROM waves.theme")) == before


def test_no_more_rows_are_restored_at_once_than_drift_rows(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0-0000000'")
    assert [corpus.take(drift_rows=4).restored for _ in range(4)] == [4, 4, 2, 0]


def test_rows_are_restored_where_nobody_wants_a_search_for_edits(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0-0000000' WHERE id < 4")
    corpus.run("UPDATE comments SET content = 'edited' WHERE id > 8")
    taken = corpus.take(drift_rows=0)
    assert (taken.restored, taken.items, taken.exhausted) == (3, (), True)


def test_content_that_comes_back_brings_its_own_verdict_back(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire(labels=["old"])
    corpus.run("UPDATE comments SET content = 'new' WHERE id = 2")
    assert corpus.fire(labels=["new"]) == ["2"]
    corpus.run("UPDATE comments SET content = 'text 2' WHERE id = 2")
    taken = corpus.take()
    assert (taken.items, taken.restored) == ((), 1)
    assert corpus.run("SELECT labels FROM comments WHERE id = 2") == [('["old"]',)]
    assert corpus.take().restored == 0


def test_it_does_so_even_if_the_servers_clock_went_back_in_between(comments: Make) -> None:
    corpus = comments(1)
    corpus.fire(labels=["old"])
    corpus.run("UPDATE waves.verdict SET applied_at = now() + interval '1 day'")
    corpus.run("UPDATE comments SET content = 'new'")
    assert corpus.fire(labels=["new"]) == ["1"]
    assert corpus.take().restored == 0
    assert corpus.run("SELECT labels FROM comments") == [('["new"]',)]


def test_failed_rows_are_asked_again_but_not_refused_or_quarantined_ones(comments: Make) -> None:
    corpus = comments(4)
    for item, state in zip(corpus.take().items, ("failed", "refused", "quarantined"), strict=False):
        corpus.run(
            "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, attempts) "
            "VALUES ('t', %s, %s, %s, %s, 1)",
            *(item.entity_key, corpus.v1, item.input_hash, state),
        )
    assert corpus.taken() == ["4", "1"], "what failed before comes last"
    assert corpus.taken(1) == ["4"]
    corpus.run("UPDATE comments SET content = 'edited' WHERE id IN (2, 3)")
    assert corpus.taken() == ["2", "3", "4", "1"]


def test_what_failed_before_waits_until_nothing_else_is_left_and_is_not_forgotten(comments: Make) -> None:
    corpus = comments(6)
    corpus.fire()
    corpus.run("UPDATE comments SET version = NULL WHERE id IN (1, 2, 3)")
    corpus.run("UPDATE waves.verdict SET reason = 'no label', attempts = 1 WHERE entity_key = '1'")
    corpus.run("UPDATE waves.verdict SET state = 'failed', attempts = 1 WHERE entity_key = '2'")
    taken = corpus.take(1)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3"], False)
    taken = corpus.take(2)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3", "1"], False)
    taken = corpus.take(4)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3", "1", "2"], True)


def test_the_search_goes_on_past_any_number_of_rows_that_need_nothing(comments: Make) -> None:
    corpus = comments(2500)
    corpus.run(
        "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state) SELECT 't', id::text, %s, "
        "encode(sha256(convert_to(jsonb_build_array(content, note)::text, 'UTF8')), 'hex'), 'quarantined' "
        "FROM comments WHERE id < 2400",
        corpus.v1,
    )
    assert corpus.taken(3) == ["2400", "2401", "2402"]


def test_where_and_priority_are_the_operators_own_sql(comments: Make) -> None:
    corpus = comments(
        6,
        where="content LIKE 'text%' AND comments.id % 2 = 0 -- even ones",
        priority="score desc, length(content) -- the best first",
    )
    assert corpus.taken() == ["2", "4", "6"]
    corpus.run("UPDATE comments SET score = 99 WHERE id = 6")
    assert corpus.taken(2) == ["6", "2"]


def test_priority_by_a_key_column_sorts_by_its_value_and_not_by_its_text(comments: Make) -> None:
    assert comments(12, priority="id desc").taken(3) == ["12", "11", "10"]


def test_unjudged_rows_come_before_those_of_another_version(comments: Make) -> None:
    corpus = comments(4)
    corpus.run("UPDATE comments SET version = CASE id WHEN 1 THEN 'v9' WHEN 2 THEN 'v0' END")
    assert corpus.taken() == ["3", "4", "2", "1"]
