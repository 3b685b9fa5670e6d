"""The table `theme_config`: limits that an operator sets by SQL or `wave config`, over the files and under the flags.
The database itself refuses a value that is out of bounds, and audits every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from waves.store.connect import Database

_SQL = queries.load("config.sql")


def overrides(db: Database, theme_id: str) -> dict[str, str]:
    """Key → value as text, unchecked: the caller knows the keys."""
    rows = db.execute(_SQL["overrides"], {"theme_id": theme_id})
    return {str(key): str(value) for key, value in rows}


def set_override(db: Database, theme_id: str, key: str, value: str | None, *, by: str, reason: str) -> str | None:
    """Sets the theme's own value, or removes it if `value` is None; the table audits the change. Returns the value
    before."""
    values = {"theme_id": theme_id, "key": key, "value": value, "by": storable(by), "reason": storable(reason) or None}
    with db.transaction():
        before: str | None = db.scalar(_SQL["lock"], values)
        if before != value:
            db.execute(_SQL["sign"], values)
            db.execute(_SQL["remove" if value is None else "put"], values)
    return before
