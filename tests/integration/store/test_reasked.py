"""Done rows that changed are asked again, but not in a mass before a person has looked at their source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from waves.store import gap
from waves.store.gap import Reasked, Taken

if TYPE_CHECKING:
    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


def take(corpus: Corpus, keys: int = 700, most: float = 0.2) -> Taken:
    return gap.take(corpus.db, corpus.shape, corpus.active, keys, 50_000, max_reasked_rate=most, dry_run=True)


def edit(corpus: Corpus, rows: int) -> None:
    corpus.run("UPDATE comments SET content = content || '.', changed = now() WHERE id <= %s", rows)


@pytest.mark.parametrize("changed", [None, "changed"])
@pytest.mark.parametrize("keys", [700, 30])
def test_done_rows_that_changed_in_a_mass_are_held_back_and_new_ones_are_not(
    comments: Make, changed: str | None, keys: int
) -> None:
    corpus = comments(200, changed=changed)
    corpus.run("UPDATE comments SET changed = now() - interval '2 days'")
    corpus.fire()
    assert corpus.take().exhausted, "the search has its position now"
    edit(corpus, 40)
    assert (len(take(corpus, keys).items), take(corpus, keys).reasked) == (min(40, keys), None)
    edit(corpus, 199)
    corpus.run("INSERT INTO comments (id, content, changed) VALUES (777, 'new', now())")
    taken = take(corpus, keys)
    assert [item.entity_key for item in taken.items] == ["777"]
    assert taken.reasked is not None
    assert (taken.reasked.edited, taken.reasked.done) == (199, 201 if changed else 200)
    assert len(take(corpus, keys, most=1).items) == min(200, keys)


def reload(corpus: Corpus, rows: int) -> None:
    """The table is loaded again, so it shows no verdict; the first `rows` rows have another content."""
    corpus.run("UPDATE comments SET labels = NULL, confidence = NULL, version = NULL")
    edit(corpus, rows)


@pytest.mark.parametrize("keys", [700, 30])
def test_done_rows_that_were_loaded_again_with_another_content_are_held_back_as_well(comments: Make, keys: int) -> None:
    corpus = comments(200)
    corpus.fire()
    reload(corpus, 40)
    assert (len(take(corpus, keys).items), take(corpus, keys).reasked) == (min(40, keys), None)
    reload(corpus, 199)
    corpus.run("INSERT INTO comments (id, content) VALUES (777, 'new')")
    taken = take(corpus, keys)
    assert [item.entity_key for item in taken.items] == ["777"]
    assert (taken.reasked, taken.restored) == (Reasked(199, 201, estimated=False), 1)
    assert len(take(corpus, keys, most=1).items) == min(200, keys)


def test_rows_that_their_user_cleared_are_asked_again_however_many_they_are(comments: Make) -> None:
    corpus = comments(200)
    corpus.fire()
    edit(corpus, 150)
    corpus.run("UPDATE comments SET version = NULL WHERE id <= 150")
    assert (len(take(corpus).items), take(corpus).reasked) == (150, None)


def test_of_a_large_table_that_was_loaded_again_a_bounded_number_of_rows_is_looked_at(comments: Make) -> None:
    corpus = comments(6000)
    corpus.fire(6000)
    corpus.run("ANALYZE comments")
    reload(corpus, 6000)
    corpus.run("ANALYZE comments")
    reasked = take(corpus, keys=10).reasked
    assert reasked is not None
    assert reasked.estimated
    assert reasked.edited > 5000


def test_a_small_number_of_done_rows_is_asked_again_without_a_person(comments: Make) -> None:
    corpus = comments(99)
    corpus.fire()
    edit(corpus, 99)
    assert (len(take(corpus).items), take(corpus).reasked) == (99, None)


def test_of_a_large_table_a_bounded_number_of_rows_is_looked_at(comments: Make) -> None:
    corpus = comments(6000)
    corpus.fire(6000)
    edit(corpus, 6000)
    assert take(corpus, keys=10).reasked == Reasked(2000, 2000, estimated=True)
