"""A row whose present text has no verdict does not show the one about an earlier text, unless a person wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres

SHOWN = "SELECT id, labels, confidence, version FROM comments ORDER BY id"


def give_up(corpus: Corpus, state: str = "refused") -> None:
    """What the gap holds is asked and given up."""
    for item in corpus.take().items:
        corpus.run(
            "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state) "
            "VALUES ('t', %s, %s, %s, %s)",
            item.entity_key,
            corpus.active,
            item.input_hash,
            state,
        )


def edited(corpus: Corpus, where: str = "id = 2") -> None:
    corpus.run(f"UPDATE comments SET content = content || '!' WHERE {where}")


def row(corpus: Corpus, n: int) -> tuple[Any, ...]:
    return corpus.run(SHOWN)[n - 1][1:]


@pytest.mark.parametrize("state", ["refused", "quarantined"])
def test_a_row_whose_new_text_was_given_up_is_cleared_and_audited_and_comes_back_with_its_old_text(
    comments: Make, state: str
) -> None:
    corpus = comments(3)
    corpus.fire()
    verdict = row(corpus, 2)
    edited(corpus)
    give_up(corpus, state)
    assert (corpus.take(dry_run=True).cleared, row(corpus, 2)) == (1, verdict)
    taken = corpus.take(run_id="run-2")
    assert (taken.cleared, taken.items, taken.restored, row(corpus, 2)) == (1, (), 0, (None, None, None))
    assert row(corpus, 1) == row(corpus, 3) == verdict
    assert corpus.run(
        "SELECT run_id, entity_id, after_json ->> 'version' FROM waves.audit_log ORDER BY id DESC LIMIT 1"
    ) == [("run-2", "2", None)]
    assert corpus.take().cleared == 0
    corpus.run("UPDATE comments SET content = 'text 2' WHERE id = 2")
    assert (corpus.take().restored, row(corpus, 2)) == (1, verdict)


def test_a_value_that_a_person_wrote_stays_and_so_does_all_with_keep(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire()
    corpus.run("UPDATE comments SET labels = '[\"praise\"]' WHERE id = 1")
    edited(corpus, "true")
    give_up(corpus)
    corpus.theme = replace(corpus.theme, on_stale="keep")
    corpus.describe()
    assert corpus.take().cleared == 0
    corpus.theme = replace(corpus.theme, on_stale="clear")
    corpus.describe()
    assert corpus.take().cleared == 2
    assert corpus.run(SHOWN) == [(1, '["praise"]', 0.75, corpus.v1), (2, None, None, None), (3, None, None, None)]


def test_a_verdict_of_another_version_says_so_itself_and_stays(comments: Make) -> None:
    corpus = comments(2)
    corpus.fire()
    corpus.activate(corpus.v2)
    give_up(corpus)
    assert (corpus.take().cleared, row(corpus, 1)) == (0, ('["question"]', 0.75, corpus.v1))


def test_a_target_without_a_version_is_cleared_too_and_restored_with_the_old_text(comments: Make) -> None:
    corpus = comments(2, columns=[("$labels", "labels")])
    corpus.fire()
    edited(corpus)
    give_up(corpus)
    assert [corpus.take().cleared for _ in range(2)] == [1, 0]
    assert corpus.run("SELECT labels FROM comments ORDER BY id") == [('["question"]',), (None,)]
    corpus.run("UPDATE comments SET content = 'text 2' WHERE id = 2")
    assert (corpus.take().restored, corpus.take().restored) == (1, 0)


def test_a_row_that_cannot_be_cleared_stays_and_the_others_are_cleared(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire()
    corpus.run("ALTER TABLE comments ADD CHECK (id <> 2 OR labels IS NOT NULL)")
    edited(corpus, "true")
    give_up(corpus)
    taken = corpus.take()
    assert (taken.cleared, taken.uncleared) == (2, {("2",): "CheckViolation (23514), constraint comments_check"})
    assert [shown[1] for shown in corpus.run(SHOWN)] == [None, '["question"]', None]
