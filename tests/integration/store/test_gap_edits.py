"""Edited rows: found by the drift search or by `source.changed`, however large the table is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waves.store.transactions import retried

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def test_edits_are_found_within_as_many_fires_as_the_table_has_drift_windows(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE waves.theme SET drift_cursor = NULL")
    corpus.run("UPDATE comments SET content = 'edited' WHERE id IN (2, 9)")
    found = []
    for _ in range(4):
        items = corpus.take(drift_rows=4).items
        corpus.collect(corpus.open_wave(items))
        found += [item.entity_key for item in items]
    assert found == ["2", "9"]


def test_an_edit_before_the_cursor_is_found_after_the_wrap(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    assert corpus.taken(drift_rows=7) == []
    corpus.take(drift_rows=7)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 1")
    assert corpus.taken(drift_rows=3) == []
    corpus.take(drift_rows=3)
    assert corpus.taken(drift_rows=3) == ["1"]


def test_edited_rows_for_which_there_was_no_room_are_found_again(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id > 3")
    taken = corpus.take(2)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["4", "5"], False)
    corpus.collect(corpus.open_wave(taken.items))
    assert corpus.fire(2) == ["6", "7"]
    assert corpus.fire() == ["8", "9", "10"]


def test_edited_rows_whose_wave_was_never_opened_are_found_by_the_next_fire(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 6")
    for _ in range(3):
        assert [item.entity_key for item in corpus.take(drift_rows=10).items] == ["6"]


def test_the_cursor_of_another_key_or_relation_is_not_used(comments: Make) -> None:
    corpus = comments(5)
    corpus.fire()
    corpus.run("""UPDATE waves.theme SET drift_cursor = '{"of": ["public.other", "", "id uuid"], "at": ["x"]}'""")
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 5")
    assert corpus.fire() == ["5"]


def test_source_changed_leads_to_edits_and_to_transactions_that_committed_late(comments: Make) -> None:
    corpus = comments(10, changed="changed")
    corpus.run("UPDATE comments SET changed = now() - interval '3 days'")
    corpus.fire()
    assert corpus.take().items == ()
    corpus.run("UPDATE comments SET content = 'now', changed = now() WHERE id = 2")
    assert corpus.fire(7) == ["2"]
    corpus.run("UPDATE comments SET content = 'late', changed = now() - interval '50 minutes' WHERE id = 3")
    assert corpus.fire(7) == ["3"]
    corpus.run("UPDATE comments SET content = 'future', changed = now() + interval '1 year' WHERE id = 4")
    assert corpus.fire(7) == ["4"]
    corpus.run("UPDATE comments SET content = 'after it', changed = now() WHERE id = 5")
    assert corpus.fire(7) == ["5"]


def test_a_version_that_is_not_active_any_more_restores_nothing(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0'")
    corpus.run("UPDATE waves.theme SET active_version = %s", corpus.v2)
    assert corpus.take().restored == 0
    assert corpus.run("SELECT DISTINCT version FROM comments") == [("v0",)]


def test_a_cursor_moves_only_for_its_own_theme(comments: Make) -> None:
    corpus = comments(3)
    corpus.run("INSERT INTO waves.theme (theme_id) VALUES ('other')")
    corpus.fire()
    corpus.take()
    assert corpus.run("SELECT theme_id FROM waves.theme WHERE drift_cursor IS NOT NULL") == [("t",)]
    assert retried(corpus.db, lambda connection: connection.info.transaction_status.name) == "INTRANS"
