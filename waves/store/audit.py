"""One row per state change: who changed what from what to what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from waves.store.connect import Database

MACHINE = "waves"
"""The actor of what no person asked for."""


def record(
    db: Database,
    theme_id: str,
    actor: str,
    entity_id: str,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str | None,
    run_id: str | None = None,
) -> None:
    """Writes the row; call it inside the transaction that makes the change. `entity_id` is a row's key, a rubric
    version or a wave."""
    values = {
        "run_id": run_id,
        "theme_id": theme_id,
        "actor": storable(actor),
        "entity_id": storable(entity_id),
        "before": Jsonb(before),
        "after": Jsonb(after),
        "reason": None if reason is None else storable(reason),
    }
    db.execute(queries.load("audit.sql")["record"], values)
