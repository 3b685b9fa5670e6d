"""One fire per theme over all hosts: a transaction-scoped advisory lock in a connection that does nothing else.

It survives a pooler in transaction mode, which a session's lock does not, and it ends with its connection, however
that ends. The holder calls `held()` every few seconds and stops sending once it returns False.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import psycopg

from waves.store import faults, queries
from waves.store.connect import connect, scalar

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

_SQL = queries.load("host_lock.sql")
_KNOWS_TRANSACTION_TIMEOUT = 170000


class HostLock:
    """The lock of one theme. `url` may hold a password and is never shown."""

    def __init__(self, url: str, theme_id: str) -> None:
        self._url = url
        self._key = int.from_bytes(hashlib.sha256(f"waves:{theme_id}".encode()).digest()[:8], "big", signed=True)
        self._connection: psycopg.Connection[TupleRow] | None = None

    def acquire(self) -> bool:
        """True if the lock is now ours, False if another process has it. Does not wait."""
        connection = connect(self._url)
        try:
            with faults.mapped():
                locked = self._try(connection)
        except BaseException:
            connection.close()
            raise
        if locked:
            self._connection = connection
        else:
            connection.close()
        return locked

    def held(self) -> bool:
        """Whether the lock is still ours: False once its connection is lost."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(_SQL["probe"])
        except psycopg.Error:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Releases the lock; does nothing if it is not held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, connection: psycopg.Connection[TupleRow]) -> bool:
        """Opens the transaction, exempts it from the server's timeouts for idle and long ones, and tries the lock."""
        connection.autocommit = False
        connection.execute(_SQL["stay_idle"])
        connection.execute(_SQL["probe_timeout"])
        if connection.info.server_version >= _KNOWS_TRANSACTION_TIMEOUT:
            connection.execute(_SQL["stay_long"])
        return bool(scalar(connection, _SQL["try"], {"key": self._key}))
