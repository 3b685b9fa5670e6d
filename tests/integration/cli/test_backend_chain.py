"""A theme with several backends: the first that does not sleep is asked, and a fire that puts one to sleep leaves the
rest of its wave to the next one of the chain."""

from __future__ import annotations

import json

from tests.integration.cli.site import KEY, THEME, Site
from tests.integration.cli.tee import Tee


def chained(site: Site, first: str, *, key: bool = True) -> None:
    """`first` is a backend before `provider`."""
    backend = {"kind": "anthropic", "models": ["model-9"], "base_url": first, "api_key_env": "FIRST_KEY"}
    project = json.loads((site.root / "waves.yaml").read_text())
    project["backends"]["first"] = backend | {"timeout": 5}
    site.write("waves.yaml", json.dumps(project))
    site.edit(f"prompts/{THEME}/theme.yaml", "[provider]", "[first, provider]")
    if key:
        site.environment["FIRST_KEY"] = KEY


def test_a_wave_goes_on_through_the_next_backend_when_the_first_falls_asleep(site: Site, tee: Tee) -> None:
    chained(site, "http://127.0.0.1:1")
    site.fill(30)

    fired = site.wave("fire", THEME, "--json")
    assert (fired.code, fired.json["state"], fired.json["counts"]["matched"]) == (0, "complete", 30)
    assert {request["model"] for request in tee.requests()} == {"model-1"}
    assert site.sql("SELECT DISTINCT backend, fate FROM waves.ledger ORDER BY 1") == [
        ("first", "unpaid"),
        ("provider", "paid"),
    ]
    assert site.sql("SELECT DISTINCT attempts, model FROM waves.verdict") == [(0, "model-1")]
    (warning,) = fired.err.splitlines()
    assert warning.startswith("wave: backend first sleeps until ")
    assert warning.endswith("; the fire goes on through provider")
    (asleep,) = site.sql("SELECT backend FROM waves.backend_state WHERE snoozed_until > now()")
    assert asleep == ("first",), "the next fire does not try it first"


def test_a_fire_that_names_its_backend_uses_no_other(site: Site, tee: Tee) -> None:
    chained(site, "http://127.0.0.1:1")
    site.fill(2)
    for _ in range(2):
        assert site.wave("fire", THEME, "--backend", "first").code == 75
    assert tee.requests() == []


def test_when_all_sleep_the_fire_says_when_the_first_one_wakes(site: Site) -> None:
    chained(site, "http://127.0.0.1:1")
    site.fill(2)
    site.wave("doctor")
    site.sql(
        "INSERT INTO waves.backend_state (backend, snoozed_until, reason) VALUES"
        " ('first', now() + interval '3 hours', 'a'), ('provider', now() + interval '2 hours', 'b')"
    )
    told = site.wave("fire", THEME, "--json")
    assert (told.code, told.json["state"]) == (75, "snoozed")
    assert "backend provider sleeps" in told.json["reason"]


def test_a_backend_without_its_key_is_named_and_not_passed_over(site: Site, tee: Tee) -> None:
    chained(site, "http://127.0.0.1:1", key=False)
    site.fill(2)
    ran = site.wave("fire", THEME)
    assert ran.code == 77
    assert "FIRST_KEY" in ran.err
    assert tee.requests() == []
