"""percent is that of the rows that are done, and 100 only if all of them are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.store.rows.census import Census

ROWS = st.integers(0, 10**9)


@given(ROWS, ROWS, ROWS)
def test_it_is_100_only_if_every_row_is_done(done: int, missing: int, given_up: int) -> None:
    total = done + missing + given_up
    percent = Census(total, done, missing, given_up, estimated=False).percent
    assert 0 <= percent <= 100
    assert (percent == 100) == (done == total)
    assert total == 0 or 100 * done / total - 0.011 < percent <= 100 * done / total + 1e-9


@pytest.mark.parametrize(
    ("done", "missing", "given_up", "percent"), [(0, 0, 4, 0), (2, 0, 8, 20), (199_999, 1, 0, 99.99), (1, 2, 0, 33.33)]
)
def test_rows_that_were_given_up_are_not_done(done: int, missing: int, given_up: int, percent: float) -> None:
    assert Census(done + missing + given_up, done, missing, given_up, estimated=False).percent == percent
