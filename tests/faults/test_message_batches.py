"""A wave that goes by batches: handed over by one fire, fetched by a later one, and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import Place

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]


@pytest.fixture
def batches(make: Make) -> Make:
    """A place whose backend takes batches; its scenario says only how they go."""

    def build(rules: dict[str, Any] | None = None, scenario: dict[str, Any] | None = None, **fields: Any) -> Place:
        given = {"batches": rules or {}} | (scenario or {})
        return make(given, kind="message_batches", n_items=30, batch_size=5, **fields)

    return build


def state(place: Place) -> str:
    return str(place.sql("SELECT state FROM waves.wave ORDER BY opened_at DESC LIMIT 1")[0][0])


def paid_once(place: Place) -> None:
    assert judge.after_all(place).answers == 0


def test_it_is_handed_over_by_one_fire_and_fetched_by_a_later_one(batches: Make) -> None:
    place = batches({"looks": 2})
    first = place.fire()
    assert (first.code, first.state) == (75, "submitted")
    assert state(place) == "submitted"
    assert len(place.provider.lines("arrived")) == 6
    second = place.fire()
    assert (second.code, second.state) == (75, "submitted")
    assert second.report is not None
    assert "6 requests, submitted 0 min ago" in str(second.report["reason"])
    third = place.fire()
    assert (third.code, third.state) == (0, "complete")
    assert len(place.provider.lines("arrived")) == 6
    paid_once(place)
