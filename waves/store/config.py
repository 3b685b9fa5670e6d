"""The table `theme_config`: what an operator tunes by SQL or `wave config`, over the files and under the flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waves.store import queries

if TYPE_CHECKING:
    from waves.store.connect import Database


def overrides(db: Database, theme_id: str) -> dict[str, str]:
    """Key → value as text, unchecked: whoever reads it knows the keys."""
    rows = db.execute(queries.load("config.sql")["overrides"], {"theme_id": theme_id})
    return {str(key): str(value) for key, value in rows}
