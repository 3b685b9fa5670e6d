"""`wave spend`, and what a dry run says of money: sums of the ledger, unknown never 0, no model asked for a price."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.cli.site import THEME, Site
from tests.integration.cli.tee import Tee

PRICE = {"input": 1.0, "output": 5.0, "cache_write": 1.25, "cache_write_1h": 2.0, "cache_read": 0.1}


@pytest.fixture
def priced(site: Site) -> Site:
    """The site with a price for its model, and 30 comments."""
    file = json.loads(site.project_file())
    file["backends"]["provider"]["prices"] = {"model-1": PRICE}
    site.write("waves.yaml", json.dumps(file))
    site.fill(30)
    return site


def _spend(site: Site, *arguments: str) -> dict[str, Any]:
    ran = site.wave("spend", "--json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def _cost(tokens: dict[str, int]) -> float:
    names = ("input", "output", "cache_write", "cache_read")
    return sum(tokens[name] * PRICE[name] for name in names) / 1_000_000


def test_what_a_fire_cost_stands_in_its_report_in_the_run_row_in_the_status_and_in_the_spend(priced: Site) -> None:
    fired = priced.fire()
    usd = pytest.approx(_cost(fired["tokens"]))
    assert fired["cost_usd"] == usd
    assert priced.sql("SELECT llm_cost_usd FROM waves.runs") == [(usd,)]
    assert priced.status()["spend"] == {"today_usd": usd, "total_usd": usd}
    found = _spend(priced)
    (row,) = found["rows"]
    total = found["total"]
    assert row == total | {"name": f"{datetime.now(UTC):%Y-%m-%d}"}
    assert total["cost_usd"] == usd
    assert total["requests"] == {"sent": 3, "paid": 3, "maybe_paid": 0}
    assert total["tokens"] == fired["tokens"] | {"cache_write_1h": 0}
    assert (total["maybe_paid_usd"], total["unpriced_requests"], total["price_tables"]) == (0, 0, ["waves.yaml"])


@pytest.mark.parametrize(("by", "name"), [("theme", THEME), ("model", "model-1"), ("backend", "provider")])
def test_spend_adds_up_by_what_is_asked(priced: Site, by: str, name: str) -> None:
    priced.fire()
    found = _spend(priced, THEME, "--by", by, "--since", "2020-01-01")
    assert [row["name"] for row in found["rows"]] == [name]
    assert (found["theme"], found["by"], found["since"]) == (THEME, by, "2020-01-01")
    assert _spend(priced, "--since", "2999-01-01")["rows"] == []


def test_before_anything_was_spent_all_is_zero(priced: Site) -> None:
    priced.approve()
    found = _spend(priced)
    assert (found["rows"], found["total"]["cost_usd"], found["total"]["requests"]["sent"]) == ([], 0, 0)


def test_what_is_unknown_is_null_and_shown_as_a_question_mark(site: Site) -> None:
    site.fill(12)
    site.fire()
    assert _spend(site)["total"]["cost_usd"] is None
    ran = site.wave("spend")
    assert ran.out.splitlines()[-2].split()[-1] == "?"
    assert "1 answers have no price" in ran.out
    assert "answers of model-1 have no known cost" in site.wave("status").out


def test_a_person_reads_a_table(priced: Site) -> None:
    fired = priced.fire()
    ran = priced.wave("spend", THEME, "--by", "model")
    head, row, total, note = ran.out.splitlines()
    assert head.split()[:3] == ["model", "requests", "paid"]
    assert row.split()[0] == "model-1"
    assert total.split() == ["all", *row.split()[1:]]
    assert f"${fired['cost_usd']:.4f}" in row
    assert note == "prices: waves.yaml"
    assert f"spent ${fired['cost_usd']:.4f} today (UTC)" in priced.wave("status").out


def test_spend_of_an_unknown_theme_or_day_is_refused(priced: Site) -> None:
    assert priced.wave("spend", "nobody").code == 78
    assert priced.wave("spend", "--since", "yesterday").code == 2


def test_a_dry_run_counts_the_tokens_of_a_sample_and_asks_no_model(priced: Site, tee: Tee) -> None:
    ran = priced.wave("fire", THEME, "--dry-run", "--json")
    assert (ran.code, ran.json["state"]) == (0, "dry_run")
    assert "by tokens counted on 3 requests; with the longest answers $" in ran.json["reason"]
    assert len(tee.requests()) == 3
    assert not any("max_tokens" in request for request in tee.requests())
    estimated = ran.json["cost_usd"]
    assert ran.json["reason"] in priced.wave("prepare", THEME, "--dry-run").out

    cost = priced.fire()["cost_usd"]
    assert cost < estimated < 20 * cost

    priced.sql("INSERT INTO comment SELECT id + 1000, content, kind FROM comment WHERE id <= 10")
    tee.clear()
    again = priced.wave("fire", THEME, "--dry-run", "--json").json
    assert again["cost_usd"] == pytest.approx(cost / 30 * 10)
    assert "as 30 items of this rubric did" in again["reason"]
    assert tee.requests() == []


def test_a_dry_run_without_a_provider_bounds_the_cost_by_the_size_of_the_requests(priced: Site) -> None:
    counted = priced.wave("fire", THEME, "--dry-run", "--json").json["cost_usd"]
    bounded = priced.wave("fire", THEME, "--dry-run", "--json", SITE_KEY="wrong").json
    assert "it would cost at most $" in bounded["reason"]
    assert bounded["cost_usd"] > counted


def test_a_dry_run_says_so_where_nobody_knows_the_price(site: Site, tee: Tee) -> None:
    site.fill(5)
    found = site.wave("fire", THEME, "--dry-run", "--json").json
    assert found["cost_usd"] is None
    assert "no price is known for model model-1" in found["reason"]
    assert tee.requests() == []


def test_a_dry_run_of_a_rehearsal_costs_nothing(site: Site) -> None:
    site.fill(5)
    found = site.wave("fire", THEME, "--dry-run", "--json", "--backend", "rehearsal").json
    assert found["cost_usd"] == 0
    assert found["reason"].endswith("it would cost nothing")
