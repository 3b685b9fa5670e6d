"""Every row in scope is done, missing or out of the gap, and the three add up, counted or estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from waves.store import gap
from waves.store.gap import Census
from waves.store.rows import census as counting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def counted(corpus: Corpus) -> Census:
    return gap.census(corpus.db, corpus.shape, corpus.active)


def settle(corpus: Corpus, *states: str) -> None:
    for item, state in zip(corpus.take().items, states, strict=False):
        corpus.run(
            "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state) "
            "VALUES ('t', %s, %s, %s, %s)",
            *(item.entity_key, corpus.active, item.input_hash, state),
        )


def test_small_tables_are_counted_exactly_edits_included(comments: Make) -> None:
    corpus = comments(20)
    assert counted(corpus) == Census(20, 0, 20, 0, estimated=False)
    corpus.fire(10)
    settle(corpus, "refused", "quarantined", "failed")
    assert counted(corpus) == Census(20, 10, 8, 2, estimated=False)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 1")
    corpus.run("UPDATE comments SET version = NULL WHERE id = 2")
    assert counted(corpus) == Census(20, 8, 10, 2, estimated=False)
    corpus.activate(corpus.v2)
    assert counted(corpus) == Census(20, 0, 20, 0, estimated=False)


def test_only_rows_in_scope_count(comments: Make) -> None:
    corpus = comments(20, where="id > 5")
    corpus.fire(5)
    assert counted(corpus) == Census(15, 5, 10, 0, estimated=False)


@pytest.mark.parametrize("keys", [{}, {"columns": None}, {"columns": (("$labels", "labels"),)}])
def test_large_tables_are_estimated_and_say_so(comments: Make, monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    corpus = comments(400, **keys)
    corpus.fire(100)
    settle(corpus, "refused", "quarantined")
    corpus.run("ANALYZE")
    monkeypatch.setattr(counting, "SMALL", 399)
    assert counted(corpus) == Census(400, 100, 298, 2, estimated=True)
    monkeypatch.setattr(counting, "SMALL", 50)
    assert counted(corpus) == Census(400, 100, 298, 2, estimated=True)


def test_estimates_that_lag_behind_still_add_up(comments: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = comments(50)
    corpus.run("ANALYZE")
    corpus.run("INSERT INTO comments (id) SELECT generate_series(100, 300)")
    monkeypatch.setattr(counting, "SMALL", 10)
    found = counted(corpus)
    assert found.total == found.done + found.missing + found.given_up
    assert found.estimated


def test_a_value_that_cannot_be_computed_makes_it_an_estimate(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (id int PRIMARY KEY, note text, version text); INSERT INTO docs VALUES (1, 'x');"
        "CREATE VIEW numbers AS SELECT id, note::int AS number FROM docs",
        relation="numbers",
        table="docs",
        inputs=("number",),
        columns=(("$version", "version"),),
    )
    assert counted(corpus).estimated


def test_counting_writes_nothing(comments: Make) -> None:
    corpus = comments(5)
    corpus.run("SET default_transaction_read_only = on")
    assert counted(corpus).total == 5


def test_a_small_table_with_a_row_that_nobody_can_compute_is_counted_all_the_same(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (id bigint PRIMARY KEY, content text, labels text, version text);"
        "INSERT INTO docs SELECT g, 'c' FROM generate_series(1, 20) g;"
        "CREATE VIEW worked_out AS SELECT id, (1 / (id - 5))::text AS share FROM docs",
        relation="worked_out",
        table="docs",
        inputs=("share",),
        columns=(("$labels", "labels"), ("$version", "version")),
    )
    assert len(corpus.fire()) == 19
    assert counted(corpus) == Census(20, 19, 1, 0, estimated=True)
