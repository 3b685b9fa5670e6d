"""Brings the schema `waves` up to date: numbered SQL files, forward only, all pending ones in one transaction.

A transaction-scoped advisory lock serialises processes and hosts; it goes with its connection, so a killed process
leaves none behind. What was applied is in `waves.schema_migration`, with the file's hash: a file that changed after
it was applied, or a name that this version does not know, is refused. docs/decisions/0002.md says why not a library.
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
_LOCK = 0x77617665  # "wave": one number per database, whoever migrates


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
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    bodies = [(f.name.removesuffix(".sql"), f.read_bytes()) for f in found]
    return tuple(Migration(name, body.decode(), hashlib.sha256(body).hexdigest()) for name, body in bodies)


def state(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Where the database stands: one query, cheap enough for every connection."""
    wanted = migrations or shipped()
    try:
        rows = connection.execute(_SQL["applied"]).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        rows = []
    return _compared(rows, wanted)


def _compared(rows: Sequence[TupleRow], migrations: Sequence[Migration]) -> SchemaState:
    known = {migration.name: migration.sha256 for migration in migrations}
    found = {name: digest for name, digest, _ in rows}
    return SchemaState(
        applied=tuple(name for name in known if name in found),
        pending=tuple(name for name in known if name not in found),
        changed=tuple(name for name, digest in known.items() if found.get(name, digest) != digest),
        unknown=tuple(sorted(found.keys() - known.keys())),
        installation=rows[0][2] if rows else None,
    )


def refuse_foreign(found: SchemaState) -> None:
    """ConfigurationError when the database is newer than this version, or has other migrations under our names."""
    if found.unknown:
        raise ConfigurationError(
            f"the schema waves has migrations that this version does not know: {', '.join(found.unknown)}",
            "upgrade waves to the version that wrote this database: pip install --upgrade headless-waves",
        )
    if found.changed:
        raise ConfigurationError(
            f"migrations changed after they were applied: {', '.join(found.changed)}",
            "install the released version of waves again; applied migrations are never edited",
        )


def migrate(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Applies what is pending, all or nothing, and returns the state afterwards. Safe to call from many processes."""
    wanted = tuple(migrations or shipped())
    with connection.transaction():
        connection.execute(_SQL["lock"], {"key": _LOCK})
        _make_schema(connection)
        found = _compared(connection.execute(_SQL["recorded"]).fetchall(), wanted)
        refuse_foreign(found)
        for migration in wanted:
            if migration.name in found.pending:
                connection.execute(migration.sql.encode())
                connection.execute(_SQL["record"], {"name": migration.name, "sha256": migration.sha256})
    return state(connection, wanted)


def _make_schema(connection: psycopg.Connection) -> None:
    """The schema and the table of migrations, where they are lacking. Looked up first: CREATE … IF NOT EXISTS wants
    the right to create even where there is nothing to do."""
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
