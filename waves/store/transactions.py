"""Transactions of the gap and of collect: one snapshot to read in, retries, and bisection around bad values.

Inside them psycopg's own exceptions are raised; the public functions that use them map them (`faults.mapped`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import psycopg

from waves.store.faults import RAISED_BY_OTHERS
from waves.store.shape import fragments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg.rows import TupleRow

    from waves.store.connect import Database

    Connection = psycopg.Connection[TupleRow]
    Key = tuple[str, ...]

    class ActOnKeys(Protocol):
        def __call__(self, connection: Connection, *, keys: Sequence[Key]) -> int: ...


Result = TypeVar("Result")

_TRIES = 5
_CHUNK = 5000
_MANY = 100
_ROW_FAULTS = ("22", "23", "44", "54000", "54001", "P0")
"""SQLSTATEs (or classes) that one row's value causes: bad data, constraints, too large or deep, RAISE in a trigger."""
_CONFLICTS = ("40", "55P03", "57014")


@contextmanager
def snapshot(db: Database) -> Iterator[Connection]:
    """One unchanging view of the database, read-only, in which a value's text depends on no setting of the session."""
    with db.connection.transaction():
        db.connection.execute(fragments.READ_ONLY)
        db.connection.execute(fragments.SESSION_SETTINGS)
        yield db.connection


def retried(db: Database, act: Callable[[Connection], Result]) -> Result:
    """`act` in a transaction of its own, from the start again after a deadlock or serialization failure."""
    for attempt in range(1, _TRIES + 1):
        try:
            with db.connection.transaction():
                db.connection.execute(fragments.SESSION_SETTINGS)
                return act(db.connection)
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def in_chunks(db: Database, keys: Sequence[Key], act: ActOnKeys) -> int:
    """`act` for a few thousand keys at a time, each chunk in a transaction of its own. Returns the sum of what it
    returns."""
    chunks = (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))
    return sum(retried(db, partial(act, keys=chunk)) for chunk in chunks)


def of_a_row(error: psycopg.Error) -> bool:
    """Whether one row's value causes the error, so that the statement can succeed without that row."""
    state = error.sqlstate or ""
    raised = error.diag.source_function in RAISED_BY_OTHERS and not state.startswith(_CONFLICTS)
    return raised or state.startswith(_ROW_FAULTS)


@dataclass(slots=True)
class FailureShare:
    """The rows that were read so far, and those that failed, over the bisections of one operation. Once many rows have
    failed, and at least as many as were read, the fault is that of a view or a type, not of single rows."""

    read: int = 0
    failed: int = 0

    @property
    def is_large(self) -> bool:
        return self.failed >= max(_MANY, self.read)


def bisected(
    connection: Connection, low: int, high: int, act: Callable[[int, int], None], share: FailureShare | None = None
) -> dict[int, psycopg.Error]:
    """Runs `act(low, high)` in a savepoint for the rows `low` to `high`, both included; if one row's value makes it
    fail, halves the range until the row is found, in order. Returns the rows that fail alone, each with its error. Once
    the `share` of failures is large, a range that fails is not halved: all of its rows are returned."""
    offenders: dict[int, psycopg.Error] = {}
    ranges = [(low, high)] if low <= high else []
    while ranges:
        first, last = ranges.pop()
        try:
            with connection.transaction():
                act(first, last)
            if share is not None:
                share.read += last - first + 1
        except psycopg.Error as error:
            if not of_a_row(error):
                raise
            if first == last or (share is not None and share.is_large):
                offenders |= dict.fromkeys(range(first, last + 1), error)
                if share is not None:
                    share.failed += last - first + 1
            else:
                middle = (first + last) // 2
                ranges += [(middle + 1, last), (first, middle)]
    return offenders
