"""What gap a version would open: counted where the table is small, a bounded look at it where it is large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from waves.store.rows import census, gap_estimate
from waves.store.rows.gap_estimate import GapEstimate, estimate_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def looked(corpus: Corpus, version: str, active_version: str | None = None) -> GapEstimate:
    return estimate_gap(corpus.db, corpus.shape, version, active_version)


def half_judged(corpus: Corpus, rows: int) -> None:
    """Half of the rows have a verdict of the second version, all of them one of the first, which is in force."""
    corpus.activate(corpus.v2)
    corpus.fire(rows // 2)
    corpus.activate(corpus.v1)
    corpus.fire(rows)


def test_a_small_table_is_counted(comments: Make) -> None:
    corpus = comments(20)
    half_judged(corpus, 20)
    found = looked(corpus, corpus.v2, corpus.v1)
    assert (found.to_ask, found.to_restore, found.estimated) == (10, 10, False)
    assert {item.entity_key for item in found.items} == {str(n) for n in range(11, 21)}
    assert found.items[0].input["content"] == "text 11"
    assert (looked(corpus, corpus.v1).to_ask, looked(corpus, corpus.v1).to_restore) == (0, 0)


def test_a_verdict_on_other_content_restores_nothing(comments: Make) -> None:
    corpus = comments(20)
    half_judged(corpus, 20)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id IN (1, 2, 15)")
    found = looked(corpus, corpus.v2, corpus.v1)
    assert (found.to_ask, found.to_restore) == (12, 8)
    assert (found.sampled, found.drifted) == (20, 3)
    assert looked(corpus, corpus.v2).drifted is None, "nothing is in force"


def test_an_edit_that_was_judged_since_is_no_drift(comments: Make) -> None:
    corpus = comments(5)
    corpus.fire()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 1")
    assert looked(corpus, corpus.v2, corpus.v1).drifted == 1
    corpus.fire()
    assert looked(corpus, corpus.v2, corpus.v1).drifted == 0


@pytest.mark.parametrize("keys", [{}, {"columns": None}, {"columns": (("$labels", "labels"),)}, {"insert": True}])
def test_a_large_table_is_estimated_from_a_sample(comments: Make, monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    corpus = comments(4000, **keys)
    half_judged(corpus, 4000)
    corpus.run("ANALYZE")
    monkeypatch.setattr(census, "SMALL", 100)
    monkeypatch.setattr(gap_estimate, "_SAMPLE", 1500)
    found = looked(corpus, corpus.v2, corpus.v1)
    assert found.estimated
    assert 500 < found.sampled < 3000
    assert found.to_ask + found.to_restore > 0
    assert found.to_ask == pytest.approx(2000, abs=1000)


def test_a_small_gap_in_a_large_table_is_found_by_the_index(comments: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = comments(1000)
    corpus.fire(1000)
    corpus.run("UPDATE comments SET version = NULL WHERE id = 7")
    corpus.run("UPDATE comments SET version = %s WHERE id IN (8, 9)", corpus.v2)
    corpus.run("ANALYZE")
    monkeypatch.setattr(census, "SMALL", 100)
    monkeypatch.setattr(gap_estimate, "_SAMPLE", 50)
    found = looked(corpus, corpus.v1)
    assert (found.to_ask, found.to_restore, found.estimated) == (1, 2, True)
    assert [item.entity_key for item in found.items] == ["7"]


@pytest.mark.parametrize("keys", [{"columns": None}, {"table": "comments"}])
def test_a_view_is_looked_at_too(on_table: Make, keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = on_table(
        "CREATE TABLE comments (id int PRIMARY KEY, content text, labels text, confidence float8, version text);"
        "CREATE INDEX ON comments (version, id);"
        "INSERT INTO comments SELECT n, 'text' FROM generate_series(1, 300) AS n;"
        "CREATE VIEW seen AS SELECT id, content FROM comments WHERE id <= 200",
        relation="seen",
        inputs=("content",),
        **keys,
    )
    corpus.run("ANALYZE")
    found = looked(corpus, corpus.v1)
    assert (found.to_ask, found.to_restore, found.sampled) == (200, 0, 300 if keys.get("table") else 200)
    monkeypatch.setattr(gap_estimate, "_SAMPLE", 60)
    monkeypatch.setattr(census, "SMALL", 10)
    assert 50 < looked(corpus, corpus.v1).to_ask < 450


def test_a_value_that_cannot_be_computed_costs_that_row_alone(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (id int PRIMARY KEY, note text, version text);"
        "INSERT INTO docs VALUES (1, 'x'), (2, '2'), (3, '3');"
        "CREATE VIEW numbers AS SELECT id, note::int AS number FROM docs",
        relation="numbers",
        table="docs",
        inputs=("number",),
        columns=(("$version", "version"),),
    )
    found = looked(corpus, corpus.v1, corpus.v2)
    assert (found.to_ask, found.estimated, found.sampled, found.drifted) == (2, True, 2, 0)


def test_looking_writes_nothing(comments: Make) -> None:
    corpus = comments(5)
    corpus.run("SET default_transaction_read_only = on")
    assert looked(corpus, corpus.v2, corpus.v1).to_ask == 5
