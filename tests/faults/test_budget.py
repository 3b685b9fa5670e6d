"""Caps: reached in the middle of a wave they end it in order, and what is spent stays below them, whoever is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.judge import after_all, booked_tokens, calls, counted_tokens, ledger_agrees
from tests.faults.place import THEME, Place, Trap, until
from tests.project_folder import Ran

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
MODEL = "model-1"
PRICE = {"input": 1.0, "output": 0.0, "cache_write": 1.0, "cache_write_1h": 1.0, "cache_read": 1.0}
"""All tokens of a prompt at one price, so that a request costs about a fifth of what is reserved for it."""


def configure(place: Place, price: dict[str, float] | None = PRICE, **caps: float) -> None:
    """The place's backend with a price for its model, and with caps of its own."""
    backend: dict[str, Any] = {"kind": "anthropic", "base_url": place.provider.url, "models": [MODEL]}
    backend |= {"api_key_env": "FAULTS_KEY", "timeout": 20, "caps": caps, "prices": {MODEL: price} if price else {}}
    text = json.dumps({"database": place.database, "backends": {"provider": backend}})
    (place.root / "waves.yaml").write_text(text)


def cap(place: Place, key: str, usd: float) -> None:
    place.sql(
        "INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, %s, %s)"
        " ON CONFLICT (theme_id, key) DO UPDATE SET value = excluded.value",
        THEME,
        key,
        str(usd),
    )


def charged(place: Place) -> float:
    """What the provider would bill: its own count at the price of its tokens."""
    prompt, _, written, read = counted_tokens(place)
    return (prompt + written + read) / 1_000_000


def reserve(place: Place) -> float:
    """What was reserved for the dearest request so far."""
    ((usd,),) = place.sql("SELECT max(reserved_usd) FROM waves.ledger")
    return float(usd)


def spent(place: Place) -> dict[str, Any]:
    fired = place.run("spend", "--json")
    assert fired.code == 0, fired
    return dict(fired.json["total"])


def over_budget(fired: Ran, name: str) -> str:
    assert (fired.code, fired.state) == (76, "over_budget"), fired
    assert name in fired.json["reason"]
    return str(fired.json["reason"])


@pytest.mark.parametrize("where", ["theme", "backend"])
def test_a_cap_reached_with_many_requests_in_flight_is_not_exceeded(make: Make, where: str) -> None:
    place = make({"latency": {"a": 0.2}}, n_items=420, batch_size=1, parallel=50)
    configure(place)
    assert place.fire("--keys", "20").state == "collected"
    usd = charged(place) + 52 * reserve(place)
    if where == "theme":
        cap(place, "cap_usd_day", usd)
    else:
        configure(place, day=usd)
    name = "cap_usd_day" if where == "theme" else "caps.day"

    over_budget(place.fire("--keys", "400"), name)

    assert usd - 2 * reserve(place) < charged(place) <= usd
    assert max(line["in_flight"] for line in place.provider.lines("arrived")) > 40
    assert booked_tokens(place) == counted_tokens(place)
    assert spent(place)["cost_usd"] == pytest.approx(charged(place))
    assert spent(place)["maybe_paid_usd"] == 0
    ledger_agrees(place, calls(place))

    sent = len(place.provider.lines("arrived"))
    over_budget(place.fire("--keys", "400"), name)
    assert len(place.provider.lines("arrived")) == sent

    if where == "theme":
        cap(place, "cap_usd_day", 100 * usd)
    else:
        configure(place, day=100 * usd)
    assert place.fire("--until-complete").state == "complete"
    after_all(place)
    assert booked_tokens(place) == counted_tokens(place)


@pytest.mark.parametrize(
    "trap",
    [
        Trap("^fsync .*/journal/", nth=10, when="before"),
        Trap("^fsync .*/journal/", nth=10),
        Trap("^write .*/parts/", nth=15, when="before"),
        Trap("^execute INSERT INTO waves.ledger", when="before"),
        Trap("^end of transaction after .*waves.ledger"),
        Trap("^fsync .*/journal/", nth=10, who="both"),
    ],
    ids=lambda trap: f"{trap.when} {trap.match}, {trap.who}",
)
def test_a_crash_forgets_no_spending(make: Make, trap: Trap) -> None:
    place = make({"latency": {"a": 0.05}}, n_items=80, batch_size=1, parallel=8)
    configure(place, day=100.0)
    killed = place.fire("--keys", "40", traps=[trap])
    assert (killed.code, len(place.hits())) == (-9, 1)
    until(lambda: not place.processes(), "all processes gone")
    at_kill = charged(place)
    assert at_kill > 0
    configure(place, day=at_kill)
    over_budget(place.fire(), "caps.day")
    total = spent(place)
    assert total["cost_usd"] <= charged(place) + 1e-12
    assert charged(place) <= total["cost_usd"] + total["maybe_paid_usd"]
    configure(place)
    place.fire_until_complete()
    after_all(place)


def test_no_request_is_sent_for_a_model_without_a_price_where_there_is_a_cap(make: Make) -> None:
    place = make(n_items=10)
    configure(place, price=None, month=5.0)
    fired = place.fire()
    assert (fired.code, fired.state) == (78, "failed"), fired
    assert "caps.month of provider is set, but no price is known for model model-1" in fired.err
    assert place.provider.lines("arrived") == []


@pytest.mark.parametrize("key", ["cap_usd_wave", "cap_usd_day", "cap_usd_month"])
def test_a_cap_below_one_request_is_a_configuration_error(make: Make, key: str) -> None:
    place = make(n_items=10)
    configure(place)
    cap(place, key, 0.000001)
    fired = place.fire()
    assert (fired.code, fired.state) == (78, "failed"), fired
    assert f"{key} of theme notes is $1e-06, and one request may cost" in fired.err
    assert place.provider.lines("arrived") == []


def test_what_a_model_without_a_price_costs_is_unknown_and_said_so(make: Make) -> None:
    place = make(n_items=10)
    configure(place, price=None)
    fired = place.fire()
    assert (fired.code, fired.json["cost_usd"]) == (0, None)
    assert fired.json["tokens"]["input"] == counted_tokens(place)[0]
    total = spent(place)
    assert (total["cost_usd"], total["price_tables"]) == (None, [])
    assert total["unpriced_requests"] == len(place.provider.answers())
    status = place.run("status", "--json")
    assert status.json["themes"][0]["spend"] == {"today_usd": None, "total_usd": None}
