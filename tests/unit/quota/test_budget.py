"""The budget: spent and reserved money never exceed the caps, for any sequence of calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.quota.budget import Budget, Grant, unbounded

CAP = 1.0
DOLLARS = st.floats(min_value=0, max_value=0.4, allow_nan=False)
CALLS = st.sampled_from(["a", "b", "c", "d", "e"])
STEPS = st.one_of(
    st.tuples(st.just("reserve"), CALLS, DOLLARS),
    st.tuples(st.just("settle"), CALLS, st.floats(min_value=0, max_value=1)),  # a share of what was reserved
    st.tuples(st.just("doubt"), CALLS, st.none()),
    st.tuples(st.just("release"), CALLS, st.none()),
)


def capped(usd: float) -> Budget:
    return Budget(lambda _held, _wanted: Grant(usd, "the cap is reached"))


def test_a_purse_gives_until_the_cap_and_says_which_it_is() -> None:
    purse = capped(0.3)
    assert [purse.reserve(name, 0.1) for name in "abcd"] == [None, None, None, "the cap is reached"]
    purse.settle("a", 0.01)
    assert purse.reserve("d", 0.05) is None
    assert purse.usd == pytest.approx(0.26)


def test_what_was_not_paid_may_be_spent_again() -> None:
    purse = capped(0.1)
    assert purse.reserve("a", 0.1) is None
    purse.release("a")
    assert purse.reserve("b", 0.1) is None


def test_a_request_that_may_have_been_paid_counts_as_what_was_reserved_until_its_cost_is_known() -> None:
    purse = capped(0.1)
    purse.reserve("a", 0.1)
    purse.settle("a", None)
    purse.release("a")
    assert (purse.usd, purse.reserve("b", 0.01)) == (0.1, "the cap is reached")
    purse.settle("a", 0.02)
    assert (purse.usd, purse.reserve("b", 0.01)) == (0.02, None)


def test_a_request_that_the_purse_never_saw_counts_as_well() -> None:
    purse = capped(0.1)
    purse.settle("stray", 0.1)
    assert purse.reserve("a", 0.01) == "the cap is reached"


def test_without_a_cap_the_price_may_be_unknown() -> None:
    purse = Budget(unbounded)
    assert purse.reserve("a", None) is None
    assert purse.reserve("b", 1e9) is None


def test_under_a_cap_a_request_of_unknown_price_is_not_sent() -> None:
    reason = capped(5).reserve("a", None)
    assert reason is not None
    assert "unknown" in reason


def test_the_ledger_is_asked_only_when_the_grant_does_not_cover_a_request() -> None:
    asked: list[tuple[float, float]] = []

    def draw(held: float, wanted: float) -> Grant:
        asked.append((held, wanted))
        return Grant(wanted + 0.2, "")

    purse = Budget(draw)
    for number in range(6):
        assert purse.reserve(str(number), 0.1) is None
    assert asked == [(0.0, 0.1), (pytest.approx(0.3), pytest.approx(0.4))]


@given(steps=st.lists(STEPS, max_size=40))
def test_no_order_of_events_takes_a_purse_beyond_its_cap(steps: list[tuple[str, str, float | None]]) -> None:
    purse, prices = capped(CAP), dict[str, float]()
    for act, call_id, number in steps:
        match act, number:
            case "reserve", float(usd):
                if call_id not in prices and purse.reserve(call_id, usd) is None:
                    prices[call_id] = usd
            case "settle", float(share) if call_id in prices:
                purse.settle(call_id, prices[call_id] * share)
            case "doubt", _ if call_id in prices:
                purse.settle(call_id, None)
            case "release", _:
                purse.release(call_id)
        assert -1e-9 <= purse.usd <= CAP + 1e-9


@given(usd=DOLLARS, cost=DOLLARS, times=st.integers(1, 3))
def test_saying_something_again_changes_nothing(usd: float, cost: float, times: int) -> None:
    purse = capped(CAP)
    purse.reserve("other", 0.1)
    for _ in range(times):
        purse.reserve("a", usd)
    assert purse.usd == pytest.approx(0.1 + usd, abs=1e-8)
    for _ in range(times):
        purse.settle("a", cost)
    assert purse.usd == pytest.approx(0.1 + cost, abs=1e-8)
    for _ in range(times):
        purse.release("other")
        purse.release("a")
    assert purse.usd == pytest.approx(cost, abs=1e-8)


@given(wishes=st.lists(st.tuples(st.sampled_from([0, 1]), DOLLARS), max_size=40))
def test_two_purses_on_one_cap_never_take_the_same_dollar(wishes: list[tuple[int, float]]) -> None:
    drawn = [0.0, 0.0]

    def drawing(own: int) -> Budget:
        def draw(held: float, wanted: float) -> Grant:
            drawn[own] = max(held, min(wanted + 0.1, CAP - drawn[1 - own]))
            return Grant(drawn[own], "reached")

        return Budget(draw)

    purses = [drawing(0), drawing(1)]
    for number, (whose, usd) in enumerate(wishes):
        purses[whose].reserve(str(number), usd)
        assert purses[0].usd + purses[1].usd <= CAP + 1e-9
