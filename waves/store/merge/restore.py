"""Writes accepted verdicts back to rows that do not show them: an earlier version was activated again, or a verdict was
never applied. Costs only the write; bounded chunks, each in a transaction of its own, each audited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries
from waves.store.merge import merge
from waves.store.rows.row_needs import candidate_values
from waves.store.transactions import in_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("merge.sql")


def restore(db: Database, shape: Shape, version: str, keys: Sequence[Key], run_id: str | None) -> int:
    """Restores the rows of `keys` that still need it. Returns the number of rows that the target took."""
    return in_chunks(db, keys, partial(_restore, shape=shape, version=version, run_id=run_id))


def _restore(connection: Connection, *, shape: Shape, version: str, keys: Sequence[Key], run_id: str | None) -> int:
    if merge.lock_active_version(connection, shape) != version:
        return 0
    merge.create_tables(connection, shape)
    merge.lock_candidates(connection, shape, candidate_values(shape, version, keys))
    # Assessed again under the lock: since the gap was read a row may have been edited, cleared or restored.
    merge.fill_from_verdicts(connection, shape, version, keys)
    refused = merge.write_target(connection, shape, version, run_id, f"restored {version}")
    merge.audit_refused(connection, shape, run_id, refused)
    mark = sql.SQL(_SQL["mark_restored"]).format(applied_at=merge.applied_at_sql())
    values = {"theme": shape.theme_id, "version": version, **merge.refused_arrays(refused)}
    return connection.execute(mark, values).rowcount - len(refused)
