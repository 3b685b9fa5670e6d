"""The sample tables of the demo: created if they are missing, filled if they are empty.

A table is two files in `data/sample`: `<table>.sql`, which creates it and may run again, and `<table>.jsonl`, its rows.
The table's comment describes its rows, the noun first.
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
    """The sample table that is the theme's source, or else its target; None if neither is a sample table."""
    samples = {path.stem for path in folder.glob("*.sql")}
    tables = [theme.source.relation, *([theme.target.table] if theme.target else [])]
    return next((table for table in tables if table in samples), None)


def load_sample(db: Database, folder: Path, table: str = "artifact_comments") -> int:
    """Creates and fills `table` from `folder`. Returns the number of rows inserted; 0 if the table had rows already."""
    try:
        definition = (folder / f"{table}.sql").read_bytes()
        lines = (folder / f"{table}.jsonl").read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigurationError(
            f"the sample data is not in {folder}", "Run the demo from a checkout: the sample data is beside waves.yaml."
        ) from error
    rows = [json.loads(line) for line in lines if line]
    fill = sql.SQL(_SQL["fill"]).format(table=fragments.name(table))
    with db.transaction():
        db.connection.execute(definition)
        return db.connection.execute(fill, {"rows": json.dumps(rows)}).rowcount


def load_missing(db: Database, folder: Path) -> None:
    """Creates and fills each missing sample table, so that every theme that ships has its own."""
    for name in sorted(path.stem for path in folder.glob("*.sql")):
        if db.connection.execute(_SQL["exists"], {"table": name}).fetchone() is None:
            load_sample(db, folder, name)


def row_description(db: Database, table: str) -> str:
    """What the rows of a sample table are, for example "comments of scientific reviews"."""
    return str(db.scalar(_SQL["described"], {"table": table}) or "rows")
