"""A pilot's sample: bounded, the same for the same rows, over whatever the source is; and the verdicts that hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.store.conftest import COMMENTS, V1, V2, Corpus
from waves.store.rows import known_rows, pilot_sample

pytestmark = pytest.mark.postgres

FILL = (
    "INSERT INTO comments (id, content, score) SELECT g, repeat('text ', 200) || g, g FROM generate_series(1, 2000) g;"
)
VIEW = COMMENTS + FILL + "CREATE VIEW shown AS SELECT id, content, note, score FROM comments WHERE id <= 1900;"
OWN = "CREATE TABLE own (id bigint PRIMARY KEY, labels text, confidence float8, version text);"


def sampled(corpus: Corpus, version: str = V2) -> list[str]:
    return [one.entity_key for one in pilot_sample.candidates(corpus.db, corpus.shape, version)]


@pytest.mark.parametrize(
    ("tables", "keys", "known"),
    [
        (COMMENTS + FILL + "ANALYZE comments", {}, 2000),
        (VIEW + "ANALYZE comments", {"relation": "shown"}, 1900),
        (VIEW + OWN + "ANALYZE comments", {"relation": "shown", "table": "own", "insert": True}, 1900),
        (VIEW + "ANALYZE comments", {"relation": "shown", "columns": None}, 1900),
    ],
    ids=["table", "view", "view-inserting", "view-alone"],
)
def test_a_large_source_is_looked_at_in_part(
    on_table: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch, tables: str, keys: dict[str, Any], known: int
) -> None:
    corpus = on_table(tables, **keys)
    whole = sampled(corpus)
    assert sorted(map(int, whole)) == list(range(1, known + 1))
    assert whole != sorted(whole, key=int), "shuffled"
    assert sampled(corpus) == whole, "and the same again"
    monkeypatch.setattr(pilot_sample, "_MOST", 400)
    some = sampled(corpus)
    assert 0 < len(some) <= 400
    assert set(some) < set(whole)
    assert sampled(corpus) == some


def test_another_version_has_another_sample(comments: Callable[..., Corpus]) -> None:
    corpus = comments(30)
    assert sampled(corpus, "v3-ccccccc") != sampled(corpus)


def test_rows_that_the_version_has_judged_are_no_candidates(comments: Callable[..., Corpus]) -> None:
    corpus = comments(6)
    corpus.fire()
    assert len(sampled(corpus, V1)) == 0
    assert len(sampled(corpus, V2)) == 6
    corpus.activate(V2)
    corpus.fire(keys=2)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 1")
    assert sorted(sampled(corpus, V2)) == ["1", "3", "4", "5", "6"]


def test_items_come_with_their_content_in_the_order_of_the_keys(comments: Callable[..., Corpus]) -> None:
    corpus = comments(5)
    items = pilot_sample.items(corpus.db, corpus.shape, V2, [("4",), ("2",), ("99",)])
    assert [(item.entity_key, item.input["content"]) for item in items] == [("4", "text 4"), ("2", "text 2")]


def test_a_composite_key_is_sampled_and_found_again(on_table: Callable[..., Corpus]) -> None:
    corpus = on_table(
        """CREATE TABLE issue (project text, number int, body text, labels text, version text,
                               PRIMARY KEY (project, number));
           INSERT INTO issue SELECT 'p"' || g % 2, g, 'body ' || g, '["legacy"]' FROM generate_series(1, 8) AS g""",
        relation="issue",
        table="issue",
        key=("project", "number"),
        inputs=("body",),
        columns=(("$labels", "labels"), ("$version", "version")),
    )
    found = pilot_sample.candidates(corpus.db, corpus.shape, V2)
    assert len(found) == 8
    items = pilot_sample.items(corpus.db, corpus.shape, V2, [one.key for one in found])
    assert {item.entity_key for item in items} == {one.entity_key for one in found}
    keys = [item.entity_key for item in items]
    assert {old.output["labels"][0] for old in known_rows.prior_verdicts(corpus.db, corpus.shape, keys).values()} == {
        "legacy"
    }
    given = known_rows.current_inputs(corpus.db, corpus.shape, keys[:3])
    assert given == {item.identity: item.input for item in items[:3]}


def test_the_verdict_that_holds_is_the_one_last_applied_then_the_newest_then_what_the_target_holds(
    comments: Callable[..., Corpus],
) -> None:
    corpus = comments(4)
    corpus.run("UPDATE comments SET labels = '[\"by hand\"]' WHERE id <= 3")
    corpus.run("UPDATE comments SET labels = 'by hand' WHERE id = 3")
    corpus.fire(keys=2, labels=["applied"])
    late = corpus.open_wave(pilot_sample.items(corpus.db, corpus.shape, V2, [("2",), ("4",)]), V2)
    corpus.collect(late, [corpus.part(late, item, labels=["history"]) for item in late.items])
    held = known_rows.prior_verdicts(corpus.db, corpus.shape, ["1", "2", "3", "4", "99"])
    assert {key: (old.output["labels"], old.version) for key, old in held.items()} == {
        "1": (["applied"], V1),
        "2": (["applied"], V1),
        "3": (["by hand"], None),
        "4": (["history"], V2),
    }


def test_a_row_that_cannot_be_computed_is_no_candidate(on_table: Callable[..., Corpus]) -> None:
    corpus = on_table(
        COMMENTS + "INSERT INTO comments (id, note) VALUES (1, '1'), (2, 'x'), (3, '3');"
        "CREATE VIEW cast_ AS SELECT id, note::int AS content, note FROM comments",
        relation="cast_",
    )
    assert sorted(sampled(corpus)) == ["1", "3"]
