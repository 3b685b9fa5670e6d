"""The sample tables of the demo: made where they are lacking, filled where they are empty.

A table is two files in `data/sample`: `<table>.sql`, which makes it and may run again, and `<table>.jsonl`, its rows.
The table's comment says what its rows are, the noun first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

from waves.errors import ConfigurationError
from waves.store import queries
from waves.store.shape import fragments

if TYPE_CHECKING:
    from waves.config.theme import Theme
    from waves.store.connect import Database

_SQL = queries.load("sample.sql")


def table_of(theme: Theme, folder: Path) -> str | None:
    """The sample table that the theme works on: the one that is its source, or else its target. None: there is none."""
    known = {path.stem for path in folder.glob("*.sql")}
    named = [theme.source.relation, *([theme.target.table] if theme.target else [])]
    return next((name for name in named if name in known), None)


def load_sample(db: Database, folder: Path, table: str = "artifact_comments") -> int:
    """Make and fill `table` from `folder`; how many rows were put in (0: they were there)."""
    try:
        definition = (folder / f"{table}.sql").read_bytes()
        lines = (folder / f"{table}.jsonl").read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigurationError(
            f"the sample data is not in {folder}", "Run the demo from a checkout: the sample lies beside waves.yaml."
        ) from error
    rows = [json.loads(line) for line in lines if line]
    fill = sql.SQL(_SQL["fill"]).format(table=fragments.name(table))
    with db.transaction():
        db.connection.execute(definition)
        return db.connection.execute(fill, {"rows": json.dumps(rows)}).rowcount


def load_missing(db: Database, folder: Path) -> None:
    """Make and fill each sample table that is not there, so that no theme that ships lacks its own."""
    for name in sorted(path.stem for path in folder.glob("*.sql")):
        if db.connection.execute(_SQL["exists"], {"table": name}).fetchone() is None:
            load_sample(db, folder, name)


def row_description(db: Database, table: str) -> str:
    """What the rows of a sample table are, such as "comments of scientific reviews"."""
    return str(db.scalar(_SQL["described"], {"table": table}) or "rows")
