"""A wave that goes by batches, from the command line: handed over by one fire, fetched by a later one."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place
from tests.project_folder import Ran

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

N_REQUESTS = 6
Make = Callable[..., Place]


@pytest.fixture
def batches(make: Make) -> Make:
    """A place whose backend takes batches; its scenario says how they go, and what else happens."""

    def build(rules: dict[str, Any] | None = None, **scenario: Any) -> Place:
        given = {"batches": rules or {}} | scenario
        return make(given, backend="kind: message_batches", n_items=30, batch_size=5, timeout=5.0)

    return build


def state(place: Place) -> str:
    return str(place.sql("SELECT state FROM waves.wave ORDER BY opened_at DESC LIMIT 1")[0][0])


def fates(place: Place) -> Counter[str]:
    return Counter(fate for (fate,) in place.sql("SELECT fate FROM waves.ledger"))


def submitted(fired: Ran) -> str:
    assert (fired.code, fired.state) == (75, "submitted"), fired
    return str(fired.json["reason"])


def fire_until_complete(place: Place, fires: int = 8) -> int:
    """As cron, with a backend that somebody wakes; how many fires it took."""
    for number in range(1, fires + 1):
        place.awake()
        fired = place.fire()
        if fired.code == 0:
            assert fired.state == "complete"
            return number
        assert fired.code == 75, fired
    raise AssertionError(f"not complete after {fires} fires")


def call(place: Place, path: str, body: Any = None) -> Any:
    """Somebody else, at the same provider."""
    headers = {"x-api-key": "dummy", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(place.provider.url + path, data, headers)) as answer:
        return json.loads(answer.read())


def paid_once(place: Place) -> None:
    call(place, "/v1/messages/batches")  # so that the record has what nobody has looked at yet
    assert judge.after_all(place).answers == 0


def test_it_is_handed_over_by_one_fire_and_fetched_by_a_later_one_whatever_that_is_told(batches: Make) -> None:
    place = batches({"looks": 2})
    assert f"{N_REQUESTS} requests, submitted 0 min ago" in submitted(place.fire())
    assert state(place) == "submitted"
    assert f"{N_REQUESTS} requests, submitted 0 min ago" in submitted(place.fire("--backend", "rehearsal"))
    assert fates(place) == {"maybe_paid": N_REQUESTS}
    told = place.run("status", THEME, "--json").json
    assert told["themes"][0]["wave"]["state"] == "submitted"
    assert "submitted 0 min ago" in place.run("status", THEME).out
    last = place.fire("--backend", "rehearsal")
    assert (last.code, last.state) == (0, "complete")
    assert last.json["llm_calls"] == N_REQUESTS
    assert last.json["tokens"]["output"] > 0
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    paid_once(place)


def test_a_wave_that_is_away_is_neither_collected_in_part_nor_prepared_anew(batches: Make) -> None:
    place = batches({"looks": 3})
    submitted(place.fire())
    assert place.run("collect", THEME, "--partial").code == 75
    assert place.run("run", THEME).code == 75
    assert state(place) == "submitted"
    assert fire_until_complete(place) <= 3
    assert len(place.provider.lines("arrived")) == N_REQUESTS
    paid_once(place)


def test_giving_up_a_wave_cancels_its_batch(batches: Make) -> None:
    place = batches({"looks": 5})
    submitted(place.fire())
    assert place.run("abandon", THEME, "--by", "ana").code == 0
    (batch,) = call(place, "/v1/messages/batches")["data"]
    assert batch["processing_status"] in {"canceling", "ended"}
    assert batch["cancel_initiated_at"] is not None
    submitted(place.fire())
    assert fates(place) == {"maybe_paid": 2 * N_REQUESTS}
