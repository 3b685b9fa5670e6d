"""Every exception of psycopg has a place in our tree, and no message repeats a value or a password."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from waves.errors import (
    BadDataError,
    ConfigurationError,
    CredentialsError,
    DatabaseError,
    TryLaterError,
    WaveError,
)
from waves.store.faults import TABLE, fault, mapped, unreachable

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, psycopg.Error)]
BASES = [kind for kind in CLASSES if kind.__module__ == "psycopg"]
BUGS = {
    "02",
    "03",
    "09",
    "0B",
    "0F",
    "0L",
    "0P",
    "0Z",
    "10",
    "20",
    "26",
    "34",
}  # classes that only a mistake of ours could raise


def test_every_base_class_of_psycopg_has_its_own_line_in_the_table() -> None:
    assert len(BASES) >= 9
    assert [kind.__name__ for kind in BASES if kind not in TABLE] == []


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind.sqlstate], ids=lambda kind: kind.__name__)
def test_every_sqlstate_is_a_fault_with_a_remedy(kind: type[psycopg.Error]) -> None:
    found = fault(kind("secret row text"))
    assert found.hint
    assert "\n" not in found.message + found.hint
    assert "secret" not in found.message + found.hint
    assert (type(found) is WaveError) == ((kind.sqlstate or "")[:2] in BUGS)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.DeadlockDetected, TryLaterError),
        (errors.SerializationFailure, TryLaterError),
        (errors.LockNotAvailable, TryLaterError),
        (errors.AdminShutdown, DatabaseError),
        (errors.DiskFull, DatabaseError),
        (errors.InsufficientPrivilege, ConfigurationError),
        (errors.UndefinedTable, ConfigurationError),
        (errors.InvalidPassword, CredentialsError),
        (errors.InvalidTextRepresentation, BadDataError),
        (errors.RaiseException, BadDataError),
        (psycopg.OperationalError, DatabaseError),
        (psycopg.InterfaceError, DatabaseError),
    ],
)
def test_a_fault_has_the_exit_code_of_its_kind(kind: type[psycopg.Error], expected: type[WaveError]) -> None:
    assert type(fault(kind("…"))) is expected


def test_what_leaves_a_mapped_block_is_ours() -> None:
    with pytest.raises(DatabaseError), mapped():
        raise psycopg.OperationalError("the connection is lost")


def test_an_unreachable_database_is_named_without_its_password() -> None:
    refused = psycopg.OperationalError('connection failed: connection to server at "db", port 5433 failed: refused\n?')
    found = unreachable(refused, "postgresql://me:s3cret@db.example:5433/rows")
    assert isinstance(found, DatabaseError)
    assert "db.example:5433/rows" in found.message
    assert "s3cret" not in found.message + found.hint
    assert "\n" not in found.message


def test_something_that_is_no_url_is_a_configuration_error() -> None:
    found = unreachable(psycopg.ProgrammingError('missing "=" after "s3cret"'), "s3cret")
    assert isinstance(found, ConfigurationError)
    assert "s3cret" not in found.message + found.hint


@pytest.mark.parametrize("password", ["a@s3cret", "s3cret/a", "a:s3cret", "a#s3cret", "s3cret?a=b"])
def test_a_password_that_libpq_reads_as_something_else_is_not_repeated(password: str) -> None:
    refused = psycopg.OperationalError(f"failed to resolve host '{password}'")
    found = unreachable(refused, f"postgresql://me:{password}@db.example:5433/rows")
    assert isinstance(found, ConfigurationError)
    assert "s3cret" not in found.message + found.hint
    assert "%40" in found.hint
