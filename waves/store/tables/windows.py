"""What the database knows of a backend's quota window: evidence of its capacity, keys sent, keys reserved by fires.

Keys are counted across themes. A fire that reserves keys holds the backend's lock from the count to the reservation, so
that two fires at the same time do not both take the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves.models import Evidence, KeysSent
from waves.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from waves.store.connect import Database

_SQL = queries.load("windows.sql")


@contextmanager
def backend_lock(db: Database, backend: str) -> Iterator[None]:
    """A transaction that excludes all others on this backend."""
    with db.transaction():
        db.execute(_SQL["lock"], {"backend": backend})
        yield


def read_window(db: Database, backend: str) -> tuple[datetime | None, list[Evidence]]:
    """The newest window end that the provider reported, and the evidence, oldest first."""
    row = db.execute(_SQL["known"], {"backend": backend}).fetchone()
    return (row[0], [_evidence(entry) for entry in row[1]]) if row else (None, [])


def save_window(db: Database, backend: str, window_ends: datetime | None, evidence: Iterable[Evidence]) -> None:
    """Replaces the evidence, and the window's end unless `window_ends` is None."""
    entries = [
        {"start": seen.start.isoformat(), "at": seen.at.isoformat(), "how": seen.how, "used": seen.used}
        for seen in evidence
    ]
    values = {"backend": backend, "window_ends": window_ends, "evidence": Jsonb(entries)}
    db.execute(_SQL["learn"], values)


def keys_sent(db: Database, backend: str, start: datetime, end: datetime) -> KeysSent:
    """What was sent from `start` to `end`, both included, as far as it is in the ledger."""
    return db.records(KeysSent, _SQL["use"], {"backend": backend, "start": start, "end": end})[0]


def keys_reserved(db: Database, backend: str, length: timedelta, besides: str | None = None) -> int:
    """Keys that running fires have reserved and not sent yet, except for the run `besides`."""
    values = {"backend": backend, "length": length, "besides": besides}
    return int(db.scalar(_SQL["reserved"], values))


def reserve_keys(db: Database, backend: str, run_id: str, keys: int) -> None:
    """Records that the run will send `keys` keys from now on; replaces its earlier reservation."""
    db.execute(_SQL["reserve"], {"backend": backend, "run_id": run_id, "keys": keys})


def _evidence(entry: dict[str, Any]) -> Evidence:
    start, at = datetime.fromisoformat(entry["start"]), datetime.fromisoformat(entry["at"])
    return Evidence(start, at, entry["how"], entry["used"])
