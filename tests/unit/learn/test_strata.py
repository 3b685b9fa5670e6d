"""A pilot's sample has rows of every old verdict, in proportion, whatever the sizes are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.learn.pilot.strata import UNJUDGED, allocate, choose_rows, stratum

SIZES = st.dictionaries(st.text(max_size=3), st.integers(1, 50), max_size=8)


@given(SIZES, st.integers(1, 60))
def test_a_sample_is_full_and_takes_no_more_than_there_is_and_one_of_each(sizes: dict[str, int], keys: int) -> None:
    given = allocate(sizes, keys)
    assert sum(given.values()) == min(keys, sum(sizes.values()))
    assert all(0 < given[name] <= sizes[name] for name in given)
    if keys >= len(sizes):
        assert given.keys() == sizes.keys()


@pytest.mark.parametrize(
    ("sizes", "keys", "expected"),
    [
        ({"a": 970, "b": 20, "c": 10}, 34, {"a": 32, "b": 1, "c": 1}),
        ({"a": 500, "b": 500}, 10, {"a": 5, "b": 5}),
        ({"a": 3, "b": 2, "c": 1}, 2, {"a": 1, "b": 1}),
        ({"a": 1, "b": 1}, 9, {"a": 1, "b": 1}),
        ({}, 9, {}),
    ],
)
def test_the_sample_is_in_proportion(sizes: dict[str, int], keys: int, expected: dict[str, int]) -> None:
    assert allocate(sizes, keys) == expected


def test_the_first_rows_of_each_stratum_are_chosen() -> None:
    strata = ["a", "a", "b", "a", "a", "b", "a"]
    chosen = choose_rows(strata, 4)
    assert chosen == sorted(chosen)
    assert Counter(strata[n] for n in chosen) == {"a": 3, "b": 1}
    assert 2 in chosen
    assert 5 not in chosen


def test_a_stratum_is_a_set_of_labels_and_what_was_never_judged_is_one_of_its_own() -> None:
    assert stratum({"labels": ["b", "a"]}) == stratum({"labels": ["a", "b"]}) == "a + b"
    assert len({stratum(None), stratum({"labels": []}), stratum({"name": "x"}), stratum({"labels": ["a"]})}) == 4
    assert stratum(None) == UNJUDGED
