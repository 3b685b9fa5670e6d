"""The columns that a theme's verdicts were written to, as last recorded. A theme that names another column gets it
filled from history: what was applied before the change is written again, without a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from waves.store import queries

if TYPE_CHECKING:
    from waves.config.theme import Theme
    from waves.store.connect import Database

_SQL = queries.load("target_columns.sql")


def changed_at(db: Database, theme: Theme) -> str | None:
    """The moment before which verdicts were written to other columns, as text for SQL; None if there is no such one."""
    moment: str | None = db.scalar(_SQL["changed_at"], _values(theme))
    return moment


def record(db: Database, theme: Theme) -> bool:
    """Records the theme's columns. Returns whether they differ from what was recorded. Under the theme's locks: a fire
    with other columns must not write at the same time."""
    return db.execute(_SQL["record"], _values(theme)).rowcount > 0


def settle(db: Database, theme: Theme) -> None:
    """Records that every verdict stands in the present columns."""
    db.execute(_SQL["settle"], _values(theme))


def _values(theme: Theme) -> dict[str, object]:
    columns = dict(theme.target.columns) if theme.target else {}
    return {"theme": theme.theme_id, "columns": Jsonb(columns)}
