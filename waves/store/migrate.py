"""Brings the schema `waves` up to date: numbered SQL files, forward only, all pending ones in one transaction.

A transaction-scoped advisory lock serialises processes and hosts; it ends with its connection, so a killed process
leaves none behind. `waves.schema_migration` records what was applied, with the file's hash: a file that changed after
it was applied, or a name that this version does not know, is refused. docs/decisions/0002.md explains why no library is
used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from waves.errors import ConfigurationError
from waves.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import TupleRow

_SQL = queries.load("migrate.sql")
_LOCK = 0x77617665  # "wave": the same number for all processes on a database


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Names of migrations: `applied` and `pending` ones of this version, `changed` since they were applied, `unknown`
    to this version. `installation` is the id of the database's installation, None before the first migration."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    changed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    installation: str | None = None


@cache
def shipped() -> tuple[Migration, ...]:
    """The migrations of this version, in order."""
    folder = files("waves.store") / "migrations"
    sql_files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    bodies = [(f.name.removesuffix(".sql"), f.read_bytes()) for f in sql_files]
    return tuple(Migration(name, body.decode(), hashlib.sha256(body).hexdigest()) for name, body in bodies)


def state(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """The state of the schema: one query, cheap enough for every connection."""
    expected = migrations or shipped()
    try:
        rows = connection.execute(_SQL["applied"]).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        rows = []
    return _compared(rows, expected)


def _compared(rows: Sequence[TupleRow], migrations: Sequence[Migration]) -> SchemaState:
    known = {migration.name: migration.sha256 for migration in migrations}
    recorded = {name: digest for name, digest, _ in rows}
    return SchemaState(
        applied=tuple(name for name in known if name in recorded),
        pending=tuple(name for name in known if name not in recorded),
        changed=tuple(name for name, digest in known.items() if recorded.get(name, digest) != digest),
        unknown=tuple(sorted(recorded.keys() - known.keys())),
        installation=rows[0][2] if rows else None,
    )


def refuse_foreign(schema: SchemaState) -> None:
    """ConfigurationError if the database is newer than this version, or has other migrations under our names."""
    if schema.unknown:
        raise ConfigurationError(
            f"the schema waves has migrations that this version does not know: {', '.join(schema.unknown)}",
            "upgrade waves to the version that wrote this database: pip install --upgrade headless-waves",
        )
    if schema.changed:
        raise ConfigurationError(
            f"migrations changed after they were applied: {', '.join(schema.changed)}",
            "install the released version of waves again; applied migrations are never edited",
        )


def migrate(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Applies the pending migrations, all or none, and returns the new state. Safe to call from many processes."""
    expected = tuple(migrations or shipped())
    with connection.transaction():
        connection.execute(_SQL["lock"], {"key": _LOCK})
        _make_schema(connection)
        schema = _compared(connection.execute(_SQL["recorded"]).fetchall(), expected)
        refuse_foreign(schema)
        for migration in expected:
            if migration.name in schema.pending:
                connection.execute(migration.sql.encode())
                connection.execute(_SQL["record"], {"name": migration.name, "sha256": migration.sha256})
    return state(connection, expected)


def _make_schema(connection: psycopg.Connection) -> None:
    """The schema and the table of migrations, if they are missing. Looked up first: CREATE … IF NOT EXISTS requires
    the right to create even if there is nothing to do."""
    schema, table, database, user = connection.execute(_SQL["look"]).fetchone() or (None, None, "", "")
    try:
        if schema is None:
            connection.execute(_SQL["create_schema"])
        if table is None:
            connection.execute(_SQL["create_table"])
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the user {user} may not create the schema waves in the database {database}",
            f'run as its owner: GRANT CREATE ON DATABASE "{database}" TO "{user}"',
        ) from error
