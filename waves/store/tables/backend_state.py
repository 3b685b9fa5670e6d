"""What all processes, themes and hosts share about a backend: until when it is snoozed, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from datetime import datetime

    from waves.store.connect import Database

_SQL = queries.load("backend_state.sql")


def current_snooze(db: Database, backend: str) -> tuple[datetime, str] | None:
    """Until when and why the backend is snoozed; None if it may be used. By the database's clock: a snooze that was
    written while that clock was ahead is ignored."""
    row = db.execute(_SQL["snoozed"], {"backend": backend}).fetchone()
    return (row[0], row[1]) if row else None


def snooze(db: Database, backend: str, until: datetime, reason: str) -> None:
    """Snoozes the backend until `until`; a snooze that lasts longer stays, with its reason."""
    db.execute(_SQL["snooze"], {"backend": backend, "until": until, "reason": storable(reason)})


def snoozes_since_success(db: Database, backend: str) -> int:
    """The number of snoozes since a request last succeeded. It stays above 0 after the newest one has ended, until a
    request is tried."""
    return int(db.scalar(_SQL["unwoken"], {"backend": backend}) or 0)


def wake(db: Database, backend: str) -> None:
    """The backend works: it may be used, and the next pause starts short again."""
    db.execute(_SQL["wake"], {"backend": backend})
