"""A URL, or the word `embedded` → an open, migrated database that raises the errors of `waves.errors`.

The methods of `Database` map what psycopg raises. Code that must see psycopg's own exceptions (to roll back to a
savepoint and continue) uses `Database.connection` inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.rows import class_row

from waves.errors import ConfigurationError
from waves.store import faults
from waves.store import migrate as migrations
from waves.store.embedded import embedded

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import LiteralString, Self

    from psycopg.rows import TupleRow
    from psycopg.sql import SQL, Composed

    from waves.config.project import Project

    Query = LiteralString | SQL | Composed

T = TypeVar("T")

_OLDEST = 140000
_CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Database:
    """An open connection in autocommit mode. `url` opens another one to the same database; it may hold a password.
    `installation` is the id that this database's waves carry in their manifests."""

    connection: psycopg.Connection[TupleRow]
    url: str = field(repr=False)
    installation: str

    def execute(self, query: Query, values: Mapping[str, Any] | None = None) -> psycopg.Cursor[TupleRow]:
        with faults.mapped():
            return self.connection.execute(query, values)

    def scalar(self, query: Query, values: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any column type
        """The first column of the query's first row; see `scalar`."""
        with faults.mapped():
            return scalar(self.connection, query, values)

    def records(self, kind: type[T], query: Query, values: Mapping[str, Any] | None = None) -> list[T]:
        """The rows of `query` as `kind`, whose fields are the query's columns."""
        with faults.mapped(), self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query, values).fetchall()

    def record(self, kind: type[T], query: Query, values: Mapping[str, Any] | None = None) -> T | None:
        """The first row of `query` as `kind`, None if there is no row."""
        return next(iter(self.records(kind, query, values)), None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, a savepoint."""
        with faults.mapped(), self.connection.transaction():
            yield

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def scalar(connection: psycopg.Connection[TupleRow], query: Query, values: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any column type
    """The first column of the query's first row. None if there is no row, and also if that column is NULL: a caller
    that must tell the two apart reads the row."""
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def open_database(project: Project, *, migrate: bool = True) -> Database:
    """The project's database; see `open_url`."""
    return open_url(project.database, project.data, migrate=migrate)


def reopened(db: Database) -> Database:
    """The same database over a new connection, for what has to be written after the first one was lost."""
    return replace(db, connection=connect(db.url))


def open_url(url: str, data: Path, *, migrate: bool = True) -> Database:
    """Opens `url`, or the embedded server under `data` if `url` is `embedded`, and applies the pending migrations.
    With `migrate=False` nothing is written, and pending migrations are a ConfigurationError."""
    if url == "embedded":
        url = embedded.ensure_server(data)
    connection = connect(url)
    try:
        with faults.mapped():
            installation = _checked_installation(connection, migrate=migrate)
    except BaseException:
        connection.close()
        raise
    return Database(connection, url, installation)


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """A bare connection: autocommit, no server-side prepared statements (they break behind a pooler)."""
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS,
            application_name="waves",
            client_encoding="utf8",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
        )
    except psycopg.Error as error:
        raise faults.unreachable(error, url) from error
    if connection.info.server_version < _OLDEST:
        version = connection.info.server_version // 10000
        connection.close()
        raise ConfigurationError(f"the server is PostgreSQL {version}", "waves needs PostgreSQL 14 or newer")
    if not (connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
        connection.execute(
            "SET DateStyle TO 'ISO, YMD'"
        )  # psycopg reads timestamps in this style only; poolers keep it
    return connection


def _checked_installation(connection: psycopg.Connection[TupleRow], *, migrate: bool) -> str:
    """The id of the database's installation, once its schema is the one of this version."""
    schema = migrations.state(connection)
    migrations.refuse_foreign(schema)
    if schema.pending and migrate:
        schema = migrations.migrate(connection)
    if schema.pending or schema.installation is None:
        raise ConfigurationError(
            "the schema waves of this database is not set up, or older than this version",
            "fire a theme once, or run `wave doctor`: both apply the migrations",
        )
    return schema.installation
