"""For each theme the views `<theme>_runs`, `<theme>_audit_log` and `<theme>_outcome_feedback` in the schema `waves`,
under the names and columns that the theme's users know. The last one takes INSERTs, which fill in the theme.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries

if TYPE_CHECKING:
    from waves.store.connect import Database

_SQL = queries.load("views.sql")
_KINDS = ("runs", "audit_log", "outcome_feedback")


def ensure_views(db: Database, theme_id: str) -> None:
    """Creates the missing views. Existing ones are left alone: replacing a view waits for its readers."""
    if not _missing(db, theme_id):
        return
    with db.transaction():
        db.execute(_SQL["lock"])
        for kind in _missing(db, theme_id):
            view = f"{theme_id}_{kind}"
            _run(db, _SQL[f"create_{kind}"], view, theme_id)
            if kind == "outcome_feedback":
                _run(db, _SQL["fill_in_theme"], view, theme_id)


def _missing(db: Database, theme_id: str) -> list[str]:
    rows = db.execute(_SQL["existing"], {"views": [f"{theme_id}_{kind}" for kind in _KINDS]})
    existing = {name for (name,) in rows}
    return [kind for kind in _KINDS if f"{theme_id}_{kind}" not in existing]


def _run(db: Database, query: str, view: str, theme_id: str) -> None:
    """Definitions take no bound values: the theme is a quoted literal, the name a quoted identifier."""
    statement = sql.SQL(query).format(view=sql.Identifier("waves", view), theme=sql.Literal(theme_id))
    db.execute(statement)
