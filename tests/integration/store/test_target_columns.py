"""A theme that writes to another column: the new one is filled from history, and nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.integration.store.conftest import COLUMNS, theme_of
from waves.store.gap import census
from waves.store.tables import target_columns

if TYPE_CHECKING:
    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres

OTHER = (("$labels", "other"), ("$confidence", "confidence"), ("$version", "version"))
PLAIN = (("$labels", "labels"),)


def judged(corpus: Corpus) -> Corpus:
    target_columns.record(corpus.db, corpus.theme)
    corpus.run("ALTER TABLE comments ADD other text")
    corpus.fire()
    return corpus


def moved(
    corpus: Corpus,
    columns: tuple[tuple[str, str], ...],
    *,
    recorded: bool = True,
    table: str = "comments",
    insert: bool = False,
) -> None:
    """The theme names other columns; a fire has recorded it, or not yet."""
    corpus.theme = theme_of(columns=columns, table=table, insert=insert)
    if recorded:
        target_columns.record(corpus.db, corpus.theme)
    corpus.describe()


def test_a_changed_column_is_filled_from_history_and_then_at_rest(comments: Make) -> None:
    corpus = judged(comments(12))
    moved(corpus, OTHER, recorded=False)
    found = census(corpus.db, corpus.shape, corpus.v1)
    assert (found.done, found.missing) == (0, 12), "before the first fire that knows of it"
    moved(corpus, OTHER)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 4")
    first, second = corpus.take(drift_rows=5), corpus.take()
    assert ([len(first.items), first.restored, first.exhausted], second.restored) == ([0, 5, False], 6)
    assert [item.entity_key for item in second.items] == ["4"]
    assert corpus.run("SELECT count(*) FROM comments WHERE other = labels") == [(11,)]
    assert corpus.fire() == ["4"]
    assert (corpus.take().restored, corpus.describe().columns_changed_at) == (0, None)
    assert census(corpus.db, corpus.shape, corpus.v1).done == 12


def test_a_column_that_is_no_longer_written_moves_nothing(comments: Make) -> None:
    corpus = judged(comments(3))
    moved(corpus, (COLUMNS[0], COLUMNS[2]))
    assert (corpus.shape.columns_changed_at, corpus.take().restored) == (None, 0)


@pytest.mark.parametrize(("before", "after"), [(PLAIN, (("$labels", "other"),)), (COLUMNS, OTHER)])
def test_a_changed_column_is_filled_in_a_target_that_is_compared_as_a_whole(
    on_table: Make, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> None:
    tables = (
        "CREATE TABLE comments (id bigint PRIMARY KEY, content text, note text);"
        "INSERT INTO comments SELECT g, 'text ' || g FROM generate_series(1, 4) g;"
        "CREATE TABLE kept (id bigint PRIMARY KEY, labels text, other text, confidence double precision, version text)"
    )
    corpus = on_table(tables, columns=before, table="kept", insert=True)
    target_columns.record(corpus.db, corpus.theme)
    corpus.fire()
    moved(corpus, after, table="kept", insert=True)
    assert (corpus.take().items, corpus.run("SELECT count(other) FROM kept")) == ((), [(4,)])
    assert (corpus.take().restored, corpus.describe().columns_changed_at) == (0, None)
