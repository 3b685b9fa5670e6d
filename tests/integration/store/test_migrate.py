"""Migrations: forward, all or nothing, one process at a time, and nothing unknown or changed is accepted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import psycopg
import pytest

from waves.errors import ConfigurationError
from waves.store.migrate import Migration, migrate, refuse_foreign, shipped, state

pytestmark = pytest.mark.postgres


def _migration(name: str, sql: str) -> Migration:
    return Migration(name, sql, hashlib.sha256(sql.encode()).hexdigest())


NEXT = _migration("9001_next", "CREATE TABLE waves.next (n integer)")


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def empty(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute("DROP SCHEMA waves CASCADE")
    return connection


def test_an_empty_database_is_brought_up_to_date(empty: psycopg.Connection) -> None:
    names = tuple(migration.name for migration in shipped())
    assert state(empty).pending == names
    after = migrate(empty)
    assert after.applied == names
    assert after.pending == after.changed == after.unknown == ()
    assert after.installation


def test_migrating_again_changes_nothing(connection: psycopg.Connection) -> None:
    before = connection.execute("SELECT name, applied_at FROM waves.schema_migration").fetchall()
    found = migrate(connection)
    assert connection.execute("SELECT name, applied_at FROM waves.schema_migration").fetchall() == before
    assert found == state(connection)


def test_only_what_is_pending_is_applied(connection: psycopg.Connection) -> None:
    after = migrate(connection, [*shipped(), NEXT])
    assert after.applied[-1] == "9001_next"
    assert connection.execute("SELECT count(*) FROM waves.next").fetchone() == (0,)


def test_a_migration_that_fails_leaves_nothing_of_those_before_it(connection: psycopg.Connection) -> None:
    broken = _migration("9002_broken", "SELECT no_such_column FROM waves.theme")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate(connection, [*shipped(), NEXT, broken])
    assert connection.execute("SELECT to_regclass('waves.next')").fetchone() == (None,)
    assert state(connection, [*shipped(), NEXT]).pending == ("9001_next",)


def test_a_database_newer_than_the_code_is_refused(connection: psycopg.Connection) -> None:
    migrate(connection, [*shipped(), NEXT])
    found = state(connection)
    assert found.unknown == ("9001_next",)
    with pytest.raises(ConfigurationError, match="9001_next") as caught:
        refuse_foreign(found)
    assert caught.value.exit_code == 78


def test_a_migration_that_changed_after_it_was_applied_is_refused(connection: psycopg.Connection) -> None:
    edited = _migration(shipped()[0].name, shipped()[0].sql + "\n-- edited")
    with pytest.raises(ConfigurationError, match="changed after they were applied"):
        migrate(connection, [edited, *shipped()[1:]])


def test_processes_that_migrate_at_once_wait_for_each_other(empty: psycopg.Connection, database_url: str) -> None:
    results: list[tuple[str, ...]] = []

    def run() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            results.append(migrate(own).applied)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [tuple(migration.name for migration in shipped())] * 4
    assert empty.execute("SELECT count(*) FROM waves.installation").fetchone() == (1,)
