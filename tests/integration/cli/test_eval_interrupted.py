"""An evaluation that was told to stop, killed, or out of money: it goes on, and pays for nothing twice."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.cli.golden import evaluated, with_theme
from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee, provider
from tests.prefork import Running
from tests.project_folder import url_of

CODE = "code_comments"
ITEMS = 300
PRICE = {"input": 1.0, "output": 0.0, "cache_write": 1.0, "cache_write_1h": 1.0, "cache_read": 1.0}


@pytest.fixture(scope="module")
def slow_tee() -> Iterator[Tee]:
    with provider("--scenario", json.dumps({"latency": {"a": 0.15}})) as tee:
        yield tee


@pytest.fixture
def slow(tmp_path: Path, database_url: str, slow_tee: Tee) -> Site:
    """The class comments, on a provider that takes its time."""
    slow_tee.clear()
    site = Site(tmp_path / "a project", url_of(database_url), slow_tee.url)
    with_theme(site, CODE)
    return site


def begun(site: Site, tee: Tee, requests: int) -> Running:
    """`wave eval` that has sent so many requests."""
    process = site.begin("eval", CODE, "--json")
    _until(lambda: len(tee.requests()) >= requests)
    return process


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def asked(tee: Tee) -> Counter[str]:
    return Counter(item["content"] + item["lang"] for item in tee.items())


def test_what_was_told_to_stop_goes_on_and_asks_for_each_item_once(slow: Site, slow_tee: Tee) -> None:
    process = begun(slow, slow_tee, 6)
    process.signal(signal.SIGTERM)
    ran = process.end()
    assert (ran.code, ran.err) == (75, "")
    stopped = ran.json
    assert (stopped["state"], stopped["settings"], stopped["best"]) == ("interrupted", [], None)
    before = len(slow_tee.requests())
    assert 6 <= before < ITEMS / 12
    found = evaluated(slow, CODE)
    assert found["settings"][0]["answered"] == ITEMS
    assert asked(slow_tee).total() == ITEMS
    assert found["settings"][0]["requests"] == len(slow_tee.requests()) == ITEMS / 12
    assert slow.sql("SELECT state FROM waves.runs ORDER BY started_at") == [("interrupted",), ("converged",)]


def test_what_was_killed_is_in_the_ledger_after_the_next_fire_and_goes_on(slow: Site, slow_tee: Tee) -> None:
    process = begun(slow, slow_tee, 10)
    process.signal(signal.SIGKILL)
    process.end()
    sent = len(slow_tee.requests())
    assert slow.sql("SELECT count(*) FROM waves.ledger") == [(0,)]
    assert slow.wave("fire", CODE, "--keys", "1").code == 0
    of_evaluation = "SELECT fate, count(*), sum(items) FROM waves.ledger WHERE wave_id LIKE 'v1-%%' GROUP BY 1"
    booked = {fate: (count, items) for fate, count, items in slow.sql(of_evaluation)}
    assert set(booked) <= {"paid", "maybe_paid"}
    # a request stands in the journal before it goes out: those in flight at the kill may not have got that far
    assert sent <= sum(count for count, _ in booked.values()) <= sent + 4
    assert booked["paid"][0] >= sent - 4
    assert ("died", "eval") in slow.sql("SELECT state, trigger FROM waves.runs")
    slow_tee.clear()
    found = evaluated(slow, CODE)
    assert found["settings"][0]["answered"] == ITEMS
    assert asked(slow_tee).total() == ITEMS - booked["paid"][1]


def test_an_evaluation_holds_the_lock_of_its_theme(slow: Site, slow_tee: Tee) -> None:
    process = begun(slow, slow_tee, 1)
    ran = slow.wave("fire", CODE, "--json")
    assert (ran.code, ran.json["state"]) == (75, "locked")
    other = slow.wave("eval", CODE, "--json")
    assert (other.code, other.json["state"]) == (75, "locked")
    process.signal(signal.SIGTERM)
    process.end()


def test_a_cap_ends_an_evaluation_and_once_it_is_raised_it_goes_on(site: Site, tee: Tee) -> None:
    with_theme(site, CODE)
    file = json.loads(site.project_file())
    file["backends"]["provider"]["prices"] = {"model-1": PRICE}
    site.write("waves.yaml", json.dumps(file))
    foreseen = evaluated(site, CODE, "--dry-run")
    assert foreseen["cost_usd"] > 0
    tee.clear()  # tokens were counted, which costs nothing
    ran = site.wave("eval", CODE, "--json", WAVES_CAP_USD_DAY="0.06")
    assert (ran.code, ran.json["state"]) == (76, "over_budget")
    spent = site.sql("SELECT sum(cost_usd) FROM waves.ledger")[0][0]
    assert 0 < spent <= 0.06
    first = len(tee.requests())
    assert 0 < first < ITEMS / 12
    found = evaluated(site, CODE)
    assert len(tee.requests()) == ITEMS / 12
    (cost,) = site.sql("SELECT sum(cost_usd) FROM waves.ledger")[0]
    assert found["settings"][0]["cost_usd"] == pytest.approx(cost)
    assert found["axis"] == "cost_usd_per_item"
    assert site.sql("SELECT cost_usd FROM waves.evaluation") == [(pytest.approx(cost),)]
