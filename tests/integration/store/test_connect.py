"""Opening a database: what callers may rely on, and what they are told when it fails."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from waves.errors import BadDataError, ConfigurationError, DatabaseError
from waves.store.connect import Database, open_url

pytestmark = pytest.mark.postgres


def test_a_database_is_open_in_autocommit_mode_without_prepared_statements(db: Database) -> None:
    assert db.connection.autocommit
    assert db.connection.prepare_threshold is None
    assert db.execute("SELECT id::text FROM waves.installation").fetchone() == (db.installation,)


def test_moments_are_read_whatever_the_database_writes_them_in(db: Database, tmp_path: Path) -> None:
    name = sql.Identifier(db.connection.info.dbname)
    db.connection.execute(sql.SQL("ALTER DATABASE {} SET datestyle = 'German'").format(name))
    with open_url(db.url, tmp_path) as other:
        assert other.execute("SELECT timestamptz '2026-11-20 12:00:00+00'").fetchone() == (
            datetime(2026, 11, 20, 12, tzinfo=UTC),
        )


def test_the_url_of_a_database_is_not_shown(db: Database) -> None:
    assert db.url not in repr(db)


def test_a_transaction_is_all_or_nothing_and_its_faults_are_ours(db: Database) -> None:
    with pytest.raises(BadDataError) as caught:
        _insert_themes(db, "kept_by_nobody", "Bad Name")
    assert "Bad Name" not in caught.value.message
    assert db.execute("SELECT count(*) FROM waves.theme").fetchone() == (0,)


def _insert_themes(db: Database, *theme_ids: str) -> None:
    with db.transaction():
        for theme_id in theme_ids:
            db.connection.execute("INSERT INTO waves.theme (theme_id) VALUES (%s)", [theme_id])


def test_a_scalar_is_the_first_column_and_none_without_a_row(db: Database) -> None:
    assert db.scalar("SELECT n, 'x' FROM generate_series(%(first)s::integer, 3) AS n", {"first": 2}) == 2
    assert db.scalar("SELECT 1 WHERE false") is None
    assert db.scalar("SELECT NULL") is None
    with pytest.raises(BadDataError):
        db.scalar("SELECT %(text)s::integer", {"text": "none"})


def test_a_closed_port_is_one_line_with_the_place_and_exit_code_69(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DatabaseError) as caught:
            open_url(f"postgresql://me:s3cret@127.0.0.1:{port}/rows", tmp_path)
    assert caught.value.exit_code == 69
    assert f"127.0.0.1:{port}/rows" in caught.value.message
    assert "s3cret" not in caught.value.message + caught.value.hint
    assert "\n" not in caught.value.message


def test_a_connection_that_the_server_ends_is_a_database_error(db: Database, database_url: str) -> None:
    (pid,) = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(DatabaseError):
        db.execute("SELECT 1")
    with pytest.raises(DatabaseError):
        db.execute("SELECT 1")


def test_without_migrate_an_empty_database_is_left_as_it_is(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA waves CASCADE")
        with pytest.raises(ConfigurationError, match="not set up"):
            open_url(database_url, tmp_path, migrate=False)
        assert connection.execute("SELECT to_regnamespace('waves')").fetchone() == (None,)


def test_a_missing_privilege_is_a_configuration_error_with_the_grant(db: Database, stranger: str) -> None:
    with psycopg.connect(stranger, autocommit=True) as connection:
        unprivileged = Database(connection, stranger, db.installation)
        with pytest.raises(ConfigurationError) as caught:
            unprivileged.execute("SELECT * FROM waves.theme")
    assert caught.value.exit_code == 78
    assert "GRANT USAGE, CREATE ON SCHEMA waves" in caught.value.hint


def test_who_may_not_create_the_schema_is_told_what_to_grant(stranger: str, database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("DROP SCHEMA waves CASCADE")
    with pytest.raises(ConfigurationError, match="may not create the schema waves") as caught:
        open_url(stranger, tmp_path)
    assert "GRANT CREATE ON DATABASE" in caught.value.hint


@pytest.fixture
def stranger(database_url: str) -> str:
    """A URL of the test's database for a user without any right in it; goes with the server."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        database = connection.info.dbname
        role = sql.Identifier(f"stranger_{database}")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    return make_conninfo(database_url, user=f"stranger_{database}")
