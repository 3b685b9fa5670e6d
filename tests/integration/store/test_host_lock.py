"""The lock over all hosts: one holder per theme, whatever the server's timeouts, and a loss is noticed."""

from __future__ import annotations

import select
from collections.abc import Iterator

import psycopg
import pytest

from waves.store.host_lock import HostLock

pytestmark = pytest.mark.postgres


@pytest.fixture
def lock(database_url: str) -> Iterator[HostLock]:
    made = HostLock(database_url, "letters")
    yield made
    made.release()


def test_only_one_holds_the_lock_of_a_theme(lock: HostLock, database_url: str) -> None:
    other = HostLock(database_url, "letters")
    assert lock.acquire()
    assert lock.held()
    assert not other.acquire()
    assert not other.held()
    lock.release()
    assert not lock.held()
    assert other.acquire()
    other.release()


def test_themes_do_not_lock_each_other(lock: HostLock, database_url: str) -> None:
    other = HostLock(database_url, "numbers")
    assert lock.acquire()
    assert other.acquire()
    other.release()


def test_a_lost_connection_is_noticed_and_the_lock_is_free(lock: HostLock, database_url: str) -> None:
    assert lock.acquire()
    with psycopg.connect(database_url, autocommit=True) as other:
        row = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchone()
    assert row == (True,)
    assert not lock.held()
    assert not lock.held()
    assert lock.acquire()


def test_timeouts_of_the_database_do_not_end_the_lock(lock: HostLock, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        name = other.info.dbname
        timeouts = ["idle_in_transaction_session_timeout"]
        if other.info.server_version >= 170000:
            timeouts.append("transaction_timeout")
        for setting in timeouts:
            other.execute(f"ALTER DATABASE {name} SET {setting} = '50ms'")
        assert lock.acquire()
        with psycopg.connect(database_url) as idle:
            idle.execute("SELECT 1")
            assert select.select([idle], [], [], 10)[0]  # the settings work: a plain idle transaction is ended
            with pytest.raises(psycopg.Error):
                idle.execute("SELECT 1")
        assert lock.held()
