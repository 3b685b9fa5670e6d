"""The sample tables: made once, filled once, and never in the place of somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from waves.config import theme
from waves.errors import ConfigurationError
from waves.store.catalog import describe as catalog
from waves.store.connect import Database
from waves.store.demo_tables import load_missing, load_sample, row_description, table_of

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample"
TABLES = {"activities": 223, "articles": 700, "artifact_comments": 650}


def count(db: Database, table: str) -> int:
    (found,) = db.connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (None,)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_filled_once_and_says_what_its_rows_are(db: Database, table: str) -> None:
    assert [load_sample(db, SAMPLE, table) for _ in range(2)] == [TABLES[table], 0]
    assert count(db, table) == TABLES[table]
    assert row_description(db, table).split()[0] == {"artifact_comments": "comments"}.get(table, table)


def test_with_all_samples_each_theme_that_ships_has_its_source_and_its_target(db: Database) -> None:
    load_sample(db, SAMPLE, "articles")
    db.connection.execute("DELETE FROM articles")
    load_missing(db, SAMPLE)
    assert {table: count(db, table) for table in TABLES} == {**TABLES, "articles": 0}, "what is there is left alone"
    for name in theme.known(ROOT / "prompts"):
        found = theme.load(ROOT / "prompts", name)
        assert table_of(found, SAMPLE) in TABLES
        catalog.describe(db, found)


def test_a_table_of_the_same_name_is_neither_filled_nor_changed(db: Database) -> None:
    db.connection.execute("CREATE TABLE articles (id int, price money)")
    load_missing(db, SAMPLE)
    with pytest.raises(ConfigurationError, match='column "category_version" does not exist'):
        load_sample(db, SAMPLE, "articles")
    assert row_description(db, "articles") == "rows"
    assert count(db, "articles") == 0
