"""The search for rows that make a statement fail: exact while they are few, bounded once most rows fail."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from waves.store.connect import Database
from waves.store.transactions import FailureShare, bisected

pytestmark = pytest.mark.postgres


def failing(db: Database, bad: Collection[int], calls: list[tuple[int, int]]) -> Callable[[int, int], None]:
    """An act that fails as a cast does if a bad row is among its rows."""

    def act(low: int, high: int) -> None:
        calls.append((low, high))
        if any(low <= n <= high for n in bad):
            db.connection.execute("SELECT 'x'::integer")

    return act


def test_a_few_bad_rows_are_found_exactly_and_no_other_is_lost(db: Database) -> None:
    calls: list[tuple[int, int]] = []
    bad = {3, 500, 501, 999}
    assert set(bisected(db.connection, 0, 999, failing(db, bad, calls), FailureShare())) == bad
    assert len(calls) < 100


def test_once_most_rows_fail_the_others_of_a_failing_range_are_not_tried_alone(db: Database) -> None:
    calls: list[tuple[int, int]] = []
    share = FailureShare()
    act = failing(db, range(4000), calls)
    found: set[int] = set()
    for start in range(0, 4000, 1000):
        found |= set(bisected(db.connection, start, start + 999, act, share))
    assert (found, share.failed) == (set(range(4000)), 4000)
    assert len(calls) < 300, "each row alone takes 8,000"


def test_bad_rows_that_are_fewer_than_the_good_ones_are_all_found(db: Database) -> None:
    calls: list[tuple[int, int]] = []
    bad = set(range(0, 1000, 3))
    assert set(bisected(db.connection, 0, 999, failing(db, bad, calls), FailureShare())) == bad
