"""`wave retry`: what was given up is asked again, by a person's word."""

from __future__ import annotations

from typing import Any

from tests.integration.cli.site import THEME, Site


def given_up(site: Site) -> None:
    """Two comments are quarantined and one refused; the fourth is done."""
    site.fill(4)
    site.fire()
    site.sql("UPDATE waves.verdict SET state = 'quarantined', attempts = 3, reason = 'no label' WHERE entity_key < '3'")
    site.sql("UPDATE waves.verdict SET state = 'refused', attempts = 1, reason = 'refusal' WHERE entity_key = '3'")
    site.sql("UPDATE comment SET version = NULL WHERE id < 4")


def states(site: Site) -> list[tuple[Any, ...]]:
    return site.sql("SELECT entity_key, state, attempts FROM waves.verdict ORDER BY 1")


def test_what_was_given_up_is_asked_again(site: Site) -> None:
    given_up(site)
    assert site.fire()["state"] == "complete"
    before = states(site)

    told = site.wave("retry", THEME, "--all", "--by", "ana", "--dry-run").out
    assert told == "3 items of theme comments would go back to the gap: 2 quarantined, 1 refused\n"
    assert states(site) == before

    one = site.wave("retry", THEME, "--key", "1", "--key", "77", "--by", "ana", "--json").json
    item = {"entity_key": "1", "state": "quarantined", "attempts": 3, "reason": "no label"}
    assert one == {"theme": THEME, "retried": 1, "items": [item], "unknown_keys": ["77"]}
    assert site.fire()["counts"]["matched"] == 1

    told = site.wave("retry", THEME, "--all", "--by", "ana", "--reason", "mended").out
    assert told == "2 items of theme comments went back to the gap: 1 quarantined, 1 refused\n"
    entries = site.sql("SELECT count(*) FROM waves.audit_log")
    again = site.wave("retry", THEME, "--all", "--by", "ana")
    assert again.out == "0 items of theme comments went back to the gap\n", "they are in the gap already"
    assert site.sql("SELECT count(*) FROM waves.audit_log") == entries
    assert site.fire()["counts"]["matched"] == 2
    assert site.sql("SELECT DISTINCT actor, reason FROM waves.audit_log WHERE actor = 'ana' ORDER BY 2") == [
        ("ana", "mended"),
        ("ana", "no reason was given"),
    ]


def test_a_retry_says_which_items_it_is_about(site: Site) -> None:
    for arguments in ([], ["--all", "--key", "1"]):
        ran = site.wave("retry", THEME, "--by", "ana", *arguments)
        assert ran.code == 2
        assert "--key" in ran.err


def test_a_theme_that_was_never_fired_has_nothing_to_retry(site: Site) -> None:
    site.fill(1)
    site.wave("doctor")
    ran = site.wave("retry", THEME, "--all", "--by", "ana")
    assert (ran.code, ran.fault[0]) == (78, "theme comments has no active rubric version")
