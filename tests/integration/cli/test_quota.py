"""`wave quota` explains what the next fire may take, before anything is known, while it sleeps, and afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.cli import shapes
from tests.integration.cli.site import THEME, Site
from tests.integration.cli.tee import provider

EVIDENCE = shapes.closed(
    start=shapes.MOMENT,
    at=shapes.MOMENT,
    how={"enum": ["exhausted", "utilisation"]},
    used={"type": "number", "minimum": 0},
    keys=shapes.WHOLE,
    capacity=shapes.WHOLE_OR_UNKNOWN,
    doubt=shapes.WORDS,
)
WINDOW = shapes.closed(
    kind={"enum": ["reported", "fixed", "rolling"]},
    seconds={"type": "number", "exclusiveMinimum": 0},
    start=shapes.MOMENT,
    resets_at=shapes.MOMENT,
    used=shapes.WHOLE,
    reserved=shapes.WHOLE,
    utilisation={"type": ["number", "null"]},
    capacity=shapes.WHOLE_OR_UNKNOWN,
    capacity_source={"enum": ["configured", "learned", None]},
    use_at_most={"type": "number"},
    evidence={"type": "array", "items": EVIDENCE},
)
BACKEND = shapes.closed(
    backend={"type": "string"},
    kind={"type": "string"},
    snoozed_until=shapes.MOMENT,
    snooze_reason=shapes.WORDS,
    window={"anyOf": [{"type": "null"}, WINDOW]},
    next_fire=shapes.closed(keys=shapes.WHOLE_OR_UNKNOWN, reason={"type": "string", "minLength": 1}),
)
QUOTA = shapes.closed(backends={"type": "array", "items": BACKEND})


@pytest.fixture
def windowed(site: Site) -> Iterator[Site]:
    """40 comments in batches of two, at a provider that answers for 30 of them in an hour."""
    site.fill(40)
    site.approve()
    site.edit(f"prompts/{THEME}/theme.yaml", "batch_size: 12", "batch_size: 2")
    with provider("--scenario", json.dumps({"quota": {"capacity": 30, "unit": "items", "window": 3600}})) as strict:
        site.provider = strict.url
        site.write("waves.yaml", site.project_file(window="1h"))
        yield site


def test_the_window_is_explained_before_and_after_it_is_known(windowed: Site) -> None:
    before = windowed.wave("quota", "provider")
    assert (before.code, before.err) == (0, "")
    assert "window of 1:00:00, rolling" in before.out
    assert "the next fire may take as many keys as --keys allows: nothing is known of its capacity yet" in before.out

    assert windowed.wave("fire", THEME, "--json").json["state"] == "snoozed"
    ran = windowed.wave("quota", "--json")
    assert (ran.code, ran.err) == (0, "")
    shapes.check(QUOTA, ran.json)
    names = [one["backend"] for one in ran.json["backends"]]
    assert names == ["provider", "rehearsal"]
    found = ran.json["backends"][0]
    assert found["snoozed_until"] is not None
    assert found["next_fire"] == {"keys": 0, "reason": "it sleeps"}
    window = found["window"]
    assert (window["used"], window["reserved"], window["capacity"], window["capacity_source"]) == (30, 0, 30, "learned")
    assert [(one["how"], one["keys"], one["doubt"]) for one in window["evidence"]] == [("exhausted", 30, None)]

    lines = windowed.wave("quota", "provider").out
    assert "  sleeps until " in lines
    assert "evidence: used up by 30 keys at " in lines
    status = windowed.wave("status").out
    assert "comments: provider sleeps until " in status
    assert "comments: window of provider: 30 of 22 keys (75% of 30 learned) are used; it resets at " in status
    assert "; evidence: used up by 30 keys at " in status


def test_once_the_snooze_is_over_a_probe_comes_first(windowed: Site) -> None:
    windowed.wave("fire", THEME, "--json")
    windowed.sql("UPDATE waves.backend_state SET snoozed_until = now() - interval '1 second'")
    (found,) = windowed.wave("quota", "provider", "--json").json["backends"]
    assert found["next_fire"]["keys"] == 0
    assert found["next_fire"]["reason"].startswith("after one probe, because its snooze is over; 30 of 22 keys")


def test_a_dry_run_says_what_the_window_leaves(windowed: Site) -> None:
    windowed.wave("fire", THEME, "--json")
    windowed.sql("DELETE FROM waves.wave; UPDATE waves.backend_state SET snoozed_until = NULL")
    found = windowed.wave("fire", THEME, "--dry-run", "--json").json
    assert (found["state"], found["counts"]["emitted"]) == ("dry_run", 0)
    assert found["reason"].startswith("would do nothing: the window of backend provider: 30 of 22 keys")


def test_a_backend_without_a_window_is_bound_by_nothing(site: Site) -> None:
    site.fill(1)
    site.approve()
    (found,) = site.wave("quota", "provider", "--json").json["backends"]
    assert (found["window"], found["next_fire"]) == (None, {"keys": None, "reason": "it has no window"})


def test_an_unknown_backend_is_named_with_the_known_ones(site: Site) -> None:
    ran = site.wave("quota", "subscription")
    assert ran.code == 78
    assert ran.fault[0] == "unknown backend 'subscription'"
    assert "Known: provider, rehearsal." in ran.fault[1]
