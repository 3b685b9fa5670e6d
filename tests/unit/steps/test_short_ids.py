"""Requests name their items by numbers that differ between requests: a swapped answer labels nothing."""

from __future__ import annotations

from itertools import islice

from waves.models import Item
from waves.steps.requests.in_flight import PROBE_ID, first_requests, short_ids


def test_no_two_requests_in_flight_name_an_item_alike() -> None:
    batches = [[Item(f"k{number}", "h", {}) for number in range(size)] for size in (3, 1, 4)]
    requests = list(first_requests(batches, "m", short_ids()))
    named = [short_id for request in requests for short_id in request.items]
    assert len(set(named)) == len(named) == 8
    assert [request.next_try.short_ids for request in requests] == [tuple(request.items) for request in requests]
    assert PROBE_ID not in set(islice(short_ids(), 200_000))
