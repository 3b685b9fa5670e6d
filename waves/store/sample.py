"""The sample table of the demo: made where it is lacking, filled where it is empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from waves.errors import ConfigurationError
from waves.store import queries

if TYPE_CHECKING:
    from waves.store.connect import Database


def load_sample(db: Database, folder: Path) -> int:
    """Make and fill `artifact_comments` from `folder`; how many rows were put in (0: they were there)."""
    try:
        table = (folder / "artifact_comments.sql").read_bytes()
        lines = (folder / "artifact_comments.jsonl").read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigurationError(
            f"the sample data is not in {folder}", "Run the demo from a checkout: the sample lies beside waves.yaml."
        ) from error
    rows = [json.loads(line) for line in lines if line]
    named = queries.load("sample.sql")
    with db.transaction():
        db.connection.execute(table)
        return db.connection.execute(named["fill"], {"rows": json.dumps(rows)}).rowcount
