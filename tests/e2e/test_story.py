"""The life of a rubric on real comments: v1 in force; v2 written, priced, piloted, compared, approved, spread; one bad
v3 caught in its pilot; another approved by mistake and rolled back without paying; and a log that explains it all.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from tests.e2e.conftest import THEME
from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee

FILE = f"prompts/{THEME}/v{{}}.md"
KEYS = 16
LABELS = re.compile(r'"labels": \[[^\]]*\]')


def write(site: Site, number: int, text: str) -> None:
    site.write(FILE.format(number), text)


def read(site: Site, number: int) -> str:
    return (site.root / FILE.format(number)).read_text()


def wave(site: Site, *arguments: str, code: int = 0) -> dict[str, Any]:
    ran = site.wave(*arguments, "--json")
    assert ran.code == code, ran
    return ran.json


def labels(site: Site) -> dict[int, tuple[Any, ...]]:
    found = site.sql("SELECT id, comment_type_labels, classifier_version FROM artifact_comments")
    return {row[0]: row[1:] for row in found}


def drain(site: Site) -> None:
    """Fires until the gap is empty."""
    assert any(site.fire()["state"] == "complete" for _ in range(12))


def judged(site: Site, version: str) -> int:
    ((count,),) = site.sql("SELECT count(*) FROM waves.verdict WHERE rubric_version = %s", version)
    assert isinstance(count, int)
    return count


def is_priced(site: Site, tee: Tee, rows: int) -> str:
    """A new version is shown and priced, and nothing changes by that."""
    priced = wave(site, "rubrics", "activate", THEME, "--dry-run")
    assert (priced["to_ask"], priced["waves"]) == (rows, -(-rows // KEYS))
    assert priced["cost_usd"] is None  # no price is known for the model of this provider
    assert "Never ever" in site.wave("rubrics", "diff", THEME).out
    assert site.wave("rubrics", "activate", THEME).code == 76
    assert tee.requests() == []
    assert isinstance(priced["version"], str)
    return priced["version"]


def is_piloted(site: Site, tee: Tee, version: str) -> None:
    """Asked and durable, but nothing of it is merged, and cron leaves it to a person."""
    before = labels(site)
    pilot = wave(site, "pilot", THEME, "--keys", "10")
    assert (pilot["version"], len(pilot["rows"]), len(tee.items())) == (version, 10, 10)
    tee.clear()
    fired = wave(site, "fire", THEME, code=76)
    assert fired["state"] == "awaiting_approval"
    assert version in fired["reason"]
    compared = wave(site, "compare", THEME)
    assert compared["compared"] == 10
    assert compared["flips"] == sum(row["changed"] for row in pilot["rows"])
    assert (tee.requests(), labels(site)) == ([], before)


def spreads(site: Site, tee: Tee, version: str, rows: int) -> None:
    """Approved: what was paid for enters history. Activated: the rest is asked for in bounded waves."""
    before = labels(site)
    assert site.wave("approve", THEME, "--version", version, "--by", "ana", "--reason", "the pilot is right").code == 0
    assert (judged(site, version), labels(site)) == (10, before)
    assert site.wave("rubrics", "activate", THEME, version, "--by", "ana", "--yes").code == 0
    assert tee.requests() == []
    drain(site)
    assert len(tee.items()) == rows - 10
    assert {version_of_row for _, version_of_row in labels(site).values()} == {version}


def is_caught_in_its_pilot(site: Site) -> None:
    before = labels(site)
    caught = wave(site, "pilot", THEME, "--keys", "8")
    assert sum(row["changed"] for row in caught["rows"]) > 4
    assert site.wave("abandon", THEME, "--by", "ana", "--reason", "all of it is praise now").code == 0
    assert labels(site) == before


def is_rolled_back_without_paying(site: Site, tee: Tee) -> tuple[str, int]:
    """Approved by mistake, and spread over a wave before anybody looks. The version, and a row that it touched."""
    before = labels(site)
    version = wave(site, "rubrics", "activate", THEME, "--dry-run")["version"]
    assert site.wave("approve", THEME, "--version", version, "--by", "bob", "--reason", "looked fine").code == 0
    assert site.wave("rubrics", "activate", THEME, version, "--by", "bob", "--yes").code == 0
    site.fire()
    spread = {key for key, (_, of_row) in labels(site).items() if of_row == version}
    assert len(spread) == KEYS
    tee.clear()
    assert site.wave("rubrics", "rollback", THEME, "--by", "ana", "--reason", "all of it is praise").code == 0
    drain(site)
    assert (tee.requests(), labels(site), judged(site, version)) == ([], before, KEYS)
    return version, min(spread)


def is_explained(site: Site, key: int, versions: list[str]) -> None:
    """The audit log tells every change of one row, from the first to the last."""
    story = wave(site, "audit", THEME, "--entity", str(key))["entries"]
    changes = [entry for entry in story if (entry["after"] or {}).get("classifier_version")]
    assert [entry["after"]["classifier_version"] for entry in changes] == versions
    for one, following in pairwise(changes):
        assert following["before"] == one["after"]
    assert all(entry["actor"] and entry["reason"] and entry["at"].endswith("Z") for entry in changes)
    decisions = wave(site, "audit", THEME)["entries"]
    reasons = [entry["reason"] for entry in decisions]
    assert reasons.index("the pilot is right") < reasons.index("all of it is praise")
    assert [entry["actor"] for entry in decisions].count("bob") == 2


def test_the_life_of_a_rubric(sample: Site, tee: Tee) -> None:
    rows, v1 = len(labels(sample)), sample.status()["rubric_version"]
    sample.edit(f"prompts/{THEME}/theme.yaml", "keys: 160", f"keys: {KEYS}")
    write(sample, 2, read(sample, 1).replace("Never add a label", "Never ever add a label"))
    v2 = is_priced(sample, tee, rows)
    is_piloted(sample, tee, v2)
    spreads(sample, tee, v2, rows)
    spoiled = LABELS.sub('"labels": ["endorsement"]', read(sample, 2))
    write(sample, 3, spoiled)
    is_caught_in_its_pilot(sample)
    write(sample, 4, spoiled + "\n")
    v4, key = is_rolled_back_without_paying(sample, tee)
    is_explained(sample, key, [v1, v2, v4, v2])
