"""A new rubric version is tried on a sample before it touches anything: judged, shown, and merged once approved."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import waves
from tests import workers
from tests.integration.cli.site import KEY, RUBRIC, THEME, Site
from tests.integration.cli.tee import Tee
from waves.config import project as projects

SWAPPED = RUBRIC.replace('["question"]', '["Q"]').replace('["praise"]', '["question"]').replace('["Q"]', '["praise"]')
"""The examples the other way round: whoever judges by them turns every verdict."""


def judged(site: Site, rows: int = 20) -> str:
    """The site with so many rows, all of them judged by a version that is approved."""
    site.fill(rows)
    site.approve()
    version = site.fire()["rubric_version"]
    assert isinstance(version, str)
    return version


def second(site: Site, text: str = SWAPPED) -> None:
    site.write(f"prompts/{THEME}/v2.md", text)


def piloted(site: Site, *arguments: str) -> dict[str, Any]:
    """The object of a pilot that is complete."""
    ran = site.wave("pilot", THEME, "--json", *arguments)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.json


def pilots(site: Site) -> list[tuple[Any, ...]]:
    return site.sql("SELECT rubric_version, state FROM waves.wave WHERE kind = 'pilot' ORDER BY opened_at")


def left_alone(site: Site, new: str) -> None:
    """Nothing goes on with the open pilot of `new`, or past it, but by hand; each says what there is to decide."""
    site.insert_more(1)
    for command in (["fire", THEME], ["fire", THEME, "--until-complete"], ["prepare", THEME], ["collect", THEME]):
        left = site.wave(*command)
        assert (left.code, left.out, left.err.count("\n")) == (76, "", 1), left
        assert new in left.err
        assert "wave approve comments" in left.err
    fired = site.wave("fire", THEME, "--json")
    assert (fired.code, fired.json["state"], fired.json["llm_calls"]) == (76, "awaiting_approval", 0)
    assert new in fired.json["reason"]
    assert "would do nothing: a pilot" in site.wave("fire", THEME, "--dry-run").out
    assert site.status()["wave"]["kind"] == "pilot"
    told = site.wave("status", THEME).out
    assert "comments: pilot " in told
    assert "`wave approve comments --by NAME` merges it once it is complete, `wave abandon" in told
    assert site.wave("run", THEME).code == 0


def compares(site: Site, old: str, pilot: dict[str, Any]) -> None:
    """A comparison finds what the pilot shows: ten rows, all turned."""
    new = pilot["version"]
    compared = site.wave("compare", THEME, "--json").json
    assert (compared["old"], compared["new"], compared["pilot"]) == (old, new, pilot["wave_id"])
    assert (compared["compared"], compared["flips"], compared["exact_agreement"]) == (10, 10, 0.0)
    assert {one["label"]: one["kappa"] for one in compared["labels"]} == {"question": -1.0, "praise": -1.0}
    turned = [(group["old"], group["new"], group["count"], len(group["examples"])) for group in compared["groups"]]
    assert sorted(turned) == [(["praise"], ["question"], 5, 3), (["question"], ["praise"], 5, 3)]
    assert all(one["input"]["content"] for group in compared["groups"] for one in group["examples"])
    stored = site.sql("SELECT old_version, new_version, compared, flips, report::text FROM waves.comparison")
    assert [row[:4] for row in stored] == [(old, new, 10, 10)]
    assert "paper" not in stored[0][4], "no row's text is kept"
    back = site.wave("compare", THEME, "--old", new, "--new", old, "--limit", "4", "--json").json
    assert (back["old"], back["new"], back["pilot"]) == (new, old, pilot["wave_id"])
    assert (back["compared"], back["flips"]) == (4, 4), "a pilot is compared in either direction"
    assert site.wave("compare", THEME, "--limit", "1000").code == 0
    assert site.sql("SELECT whole FROM waves.comparison ORDER BY comparison_id") == [(True,), (False,), (True,)]


def test_a_pilot_is_shown_compared_approved_and_paid_for_once(site: Site, tee: Tee) -> None:
    old = judged(site)
    second(site)
    before = site.sql("SELECT * FROM comment ORDER BY id")
    tee.clear()

    pilot = piloted(site, "--keys", "10", "--by", "eva")
    new = pilot["version"]
    assert new.startswith("v2-")
    assert (pilot["state"], len(pilot["rows"]), len(tee.items())) == ("converged", 10, 10)
    assert (pilot["changed"], pilot["unchanged"], pilot["first"], pilot["missing"]) == (10, 0, 0, 0)
    assert {tuple(row["old"]["labels"]) for row in pilot["rows"]} == {("question",), ("praise",)}
    assert all(row["new"] != row["old"] and row["changed"] and row["input"]["content"] for row in pilot["rows"])
    assert Counter(row["old"]["labels"][0] for row in pilot["rows"]) == {"question": 5, "praise": 5}
    assert (site.root / pilot["page"]).read_text().count("\n| ") == 11
    assert site.sql("SELECT * FROM comment ORDER BY id") == before, "nothing is merged"
    assert site.sql("SELECT created_by FROM waves.theme_rubric WHERE version = %s", new) == [("eva",)]
    assert [row["entity_key"] for row in piloted(site, "--keys", "3")["rows"]] == [
        row["entity_key"] for row in pilot["rows"]
    ]
    assert len(tee.items()) == 10, "it is shown again, and not paid again"

    compares(site, old, pilot)
    left_alone(site, new)
    assert len(tee.items()) == 10

    approved = site.wave("approve", THEME, "--by", "ana", "--reason", "as wanted", "--json").json
    assert (approved["version"], approved["max_rows"], approved["input_columns"]) == (new, None, ["content", "kind"])
    assert (approved["pilot"]["state"], approved["pilot"]["into"]) == ("collected", "history")
    assert approved["pilot"]["counts"]["matched"] == 10
    assert pilots(site) == [(new, "closed")]
    assert [row[-1] for row in site.sql("SELECT * FROM comment WHERE id <= 20")] == [old] * 20, "v2 is not active"
    assert ("ana", "as wanted") in site.sql("SELECT actor, reason FROM waves.audit_log WHERE entity_id = %s", new)

    tee.clear()
    assert site.wave("rubrics", "activate", THEME, new, "--yes", "--by", "ana").code == 0
    assert site.fire()["counts"]["matched"] == 11, "ten are restored, ten and the new one are asked"
    assert len(tee.items()) == 11
    assert site.sql("SELECT DISTINCT version FROM comment") == [(new,)]


EXTRACTS = """\
---
kind: extract
schema: {"type": "object", "properties": {"mood": {"type": "string"}, "words": {"type": "integer"}}, "required": ["mood", "words"]}
---
Say what the comment is like.

### Example

```json
{"content": "A wonderful paper.", "kind": "review"}
```

```json
{"mood": "calm", "words": 3}
```
"""  # noqa: E501 - a schema is one line of the header


def test_a_first_pilot_has_nothing_to_be_compared_with(site: Site) -> None:
    site.fill(4)
    ran = site.wave("pilot", THEME)
    assert ran.code == 0
    assert "wave compare" not in ran.out
    assert f"next: `wave approve {THEME} --by NAME` merges it" in ran.out


def test_versions_that_judged_no_row_in_common_say_what_would_help(site: Site) -> None:
    old = judged(site, 4)
    second(site)
    none = site.wave("compare", THEME, "--old", "v2", "--new", old)
    assert none.code == 78
    assert "`wave pilot comments --version v2-" in none.fault[1], "the version in force has judged enough"
    site.sql("UPDATE comment SET content = content || '!'")
    piloted(site)
    none = site.wave("compare", THEME)
    assert (none.code, "wave abandon comments --by NAME" in none.fault[1]) == (78, True)


@pytest.mark.parametrize("path", ["nowhere/review.md", "prompts", "a_pipe"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_paid(site: Site, tee: Tee, path: str) -> None:
    site.fill(4)
    os.mkfifo(site.root / "a_pipe")
    tee.clear()
    for command in (["pilot", THEME, "--markdown"], ["compare", THEME, "--markdown"], ["eval", THEME, "--html"]):
        ran = site.wave(*command, path)
        assert (ran.code, ran.out) == (2, ""), ran
        assert path.split("/", maxsplit=1)[0] in ran.err
    assert tee.requests() == []


def test_what_is_extracted_is_compared_field_by_field(site: Site) -> None:
    theme = "source: {relation: comment, key: id, input: [content, kind]}\nbackends: [provider]\n"
    (site.root / "prompts" / "moods").mkdir()
    site.write("prompts/moods/theme.yaml", theme)
    site.write("prompts/moods/v1.md", EXTRACTS)
    site.fill(8)
    assert site.wave("fire", "moods", "--json").json["counts"]["entries"] == 8
    site.write("prompts/moods/v2.md", EXTRACTS.replace('"words": 3', '"words": 4'))
    assert site.wave("pilot", "moods", "--keys", "5", "--json").json["changed"] == 5
    compared = site.wave("compare", "moods", "--json").json
    assert (compared["compared"], compared["flips"], compared["exact_agreement"]) == (5, 5, 0.0)
    assert compared["labels"] == []
    assert {(one["field"], one["differ"], one["agreement"]) for one in compared["fields"]} == {
        ("mood", 0, 1.0),
        ("words", 5, 0.0),
    }
    (group,) = compared["groups"]
    assert (group["field"], group["count"], len(group["examples"])) == ("words", 5, 3)
    assert all((one["old"]["words"], one["new"]["words"]) == (3, 4) for one in group["examples"])
    shown = site.wave("compare", "moods").out
    assert "words" in shown
    assert "mood" in shown


def test_a_pilot_of_the_active_version_is_merged_into_the_target(site: Site, tee: Tee) -> None:
    site.fill(60)
    pilot = piloted(site, "--keys", "12")
    assert (pilot["first"], pilot["changed"]) == (12, 0)
    assert site.wave("fire", THEME).code == 76
    ran = site.wave("approve", THEME, "--by", "ana", "--max-rows", "30")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"rubric {pilot['version']} of theme comments is approved for 30 rows"
    assert ran.out.endswith("matched 12, orphaned 0; merged into the target\n")
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(12,)]
    fired = site.wave("fire", THEME, "--json")
    assert (fired.code, fired.json["counts"]["matched"]) == (76, 18)
    assert len(tee.items()) == 30


def test_the_gate_names_the_version_that_it_holds_back(site: Site) -> None:
    """Followed to the letter, the remedy opens the gate for that one and no other."""
    site.fill(20)
    site.fire()
    second(site)
    site.sql(
        "INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_rows_without_approval', '4')", THEME
    )
    version = piloted(site, "--keys", "4", "--version", "v2")["version"]
    assert version.startswith("v2-"), "the whole name, which every command takes"
    assert site.wave("abandon", THEME, "--by", "ana").code == 0
    assert "is not approved and may take" in site.wave("status", THEME).out
    shut = site.wave("pilot", THEME)
    assert shut.code == 76
    assert f"`wave approve comments --version {version} --by NAME` opens the gate" in shut.err
    assert "pilot: awaiting approval" in site.wave("status").out, "it was no fire that ended so"
    assert site.wave("rubrics", "activate", THEME, "v2", "--yes").code == 0
    told = site.wave("rubrics", "activate", THEME, "v2", "--dry-run").out
    assert "to restore without asking: 4 rows" in told
    assert "not approved: fires restore and ask nothing until `wave approve" in told
    held = site.wave("fire", THEME, "--json").json
    assert held["state"] == "awaiting_approval"
    assert site.wave("approve", THEME, "--version", version, "--by", "ana").code == 0
    assert site.fire()["counts"]["matched"] == 16
    assert site.sql(
        "SELECT items_restored, items_processed FROM waves.runs WHERE trigger = 'shell' ORDER BY started_at"
    ) == [
        (0, 20),
        (4, 0),
        (0, 16),
    ]
    assert "20 → 16 0 4 0" in " ".join(site.wave("status", THEME).out.split())


def test_an_approval_takes_the_short_name_and_enters_nothing_where_it_refuses(site: Site) -> None:
    judged(site)
    second(site)
    for unknown in ("v7", ""):
        ran = site.wave("approve", THEME, "--version", unknown, "--by", "ana")
        assert (ran.code, ran.out) == (78, "")
        assert site.wave("rubrics", "activate", THEME, unknown, "--yes").code == 78
    assert site.sql("SELECT count(*) FROM waves.theme_rubric") == [(1,)]
    version = piloted(site, "--keys", "4")["version"]
    approved = site.wave("approve", THEME, "--version", "v2", "--by", "ana", "--json").json
    assert (approved["version"], approved["pilot"]["state"]) == (version, "collected")


def test_a_pilot_that_is_given_up_stays_in_history(site: Site, tee: Tee) -> None:
    judged(site)
    second(site)
    first = piloted(site, "--keys", "8")
    assert site.wave("abandon", THEME, "--by", "ana", "--reason", "bad").code == 0
    assert site.fire()["state"] == "complete"
    assert site.sql("SELECT count(*) FROM waves.verdict WHERE rubric_version = %s", first["version"]) == [(8,)]
    again = piloted(site, "--keys", "8")
    assert not {row["entity_key"] for row in first["rows"]} & {row["entity_key"] for row in again["rows"]}
    assert len(tee.items()) == 20 + 16
    assert pilots(site) == [(first["version"], "abandoned"), (first["version"], "open")]


def test_an_abandoned_pilot_of_the_first_version_reaches_the_table_only_once_the_version_is_approved(
    site: Site, tee: Tee
) -> None:
    site.fill(6)
    version = piloted(site, "--keys", "4")["version"]
    assert site.wave("abandon", THEME, "--by", "ana", "--reason", "wrong labels").code == 0
    fired = [site.wave("fire", THEME, "--json") for _ in range(2)]
    assert [(ran.code, ran.json["state"]) for ran in fired] == [(76, "awaiting_approval")] * 2
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(2,)]
    assert "`wave approve comments" in fired[1].json["reason"]
    assert [site.status()[key] for key in ("done", "missing", "percent")] == [2, 4, 33.33]
    assert site.wave("approve", THEME, "--version", version, "--by", "ana").code == 0
    assert (site.fire()["state"], site.status()["done"], len(tee.items())) == ("complete", 6, 6)


def test_what_is_in_the_way_of_a_pilot_is_named(site: Site, tee: Tee) -> None:
    judged(site, 5)
    second(site)
    site.sql("UPDATE comment SET version = NULL")
    assert site.wave("prepare", THEME).code == 0
    tee.clear()
    ran = site.wave("pilot", THEME)
    assert (ran.code, ran.out) == (75, "")
    assert "`wave fire comments` finishes it" in ran.fault[1]
    site.fire()
    tee.clear()
    other = piloted(site, "--keys", "2")["version"]
    site.write(f"prompts/{THEME}/v3.md", SWAPPED + "\nAnd be brief.\n")
    ran = site.wave("pilot", THEME, "--json")
    assert (ran.code, ran.json["state"], ran.json["error"]["code"]) == (76, "failed", "awaiting_approval")
    assert other in ran.json["error"]["message"]
    assert len(piloted(site, "--version", other)["rows"]) == 2
    assert len(tee.items()) == 2


def test_a_dry_run_of_a_pilot_writes_nothing(site: Site, tee: Tee) -> None:
    judged(site)
    second(site)
    tee.clear()
    ran = site.wave("pilot", THEME, "--keys", "5", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "for 5 rows; " in ran.out
    assert pilots(site) == []
    assert site.sql("SELECT count(*) FROM waves.theme_rubric") == [(1,)]


@pytest.mark.parametrize("way", ["fire", "prepare", "run_once", "pilot"])
def test_every_way_in_obeys_the_gate_that_the_table_sets(site: Site, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site.fill(30)
    assert site.wave("fire", THEME, "--keys", "1").code == 0
    site.sql(
        "INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_rows_without_approval', '7')", THEME
    )
    ways: dict[str, Callable[[], object]] = {
        "fire": lambda: site.wave("fire", THEME, "--until-complete"),
        "prepare": lambda: site.wave("prepare", THEME, "--keys", "20"),
        "run_once": lambda: waves.run_once(THEME, project=projects.load(site.root)),
        "pilot": lambda: site.wave("pilot", THEME),
    }
    monkeypatch.setenv("SITE_KEY", KEY)
    workers.warm_up()
    for _ in range(2):
        ways[way]()
    assert site.sql("SELECT sum((counts->>'emitted')::int) FROM waves.wave") == [(7,)]


def test_an_approval_is_for_the_columns_that_were_judged(site: Site, tee: Tee) -> None:
    version = judged(site, 60)
    site.edit(f"prompts/{THEME}/theme.yaml", "input: [content, kind]", "input: [kind, content]")
    tee.clear()
    ran = site.wave("fire", THEME)
    assert (ran.code, ran.out, tee.items()) == (76, "", [])
    assert f"rubric {version} of theme comments was approved for other input columns" in ran.err
    assert "is not approved" in site.wave("status", THEME).out
    site.approve()
    assert site.fire()["counts"]["matched"] == 60


def test_a_pilot_of_other_columns_is_not_approved(site: Site) -> None:
    judged(site)
    second(site)
    piloted(site, "--keys", "4")
    site.edit(f"prompts/{THEME}/theme.yaml", "input: [content, kind]", "input: [content]")
    ran = site.wave("approve", THEME, "--by", "ana")
    assert (ran.code, ran.out) == (76, "")
    assert "other columns" in ran.fault[0]


def test_two_operators_at_once_approve_once(site: Site) -> None:
    judged(site)
    second(site)
    new = piloted(site, "--keys", "6")["version"]
    names = ("ana", "bo")
    both = [site.begin("approve", THEME, "--by", name, "--version", new) for name in names]
    ended = [one.end() for one in both]
    assert [(one.code, one.err) for one in ended] == [(0, ""), (0, "")]
    audit = site.sql(
        "SELECT actor FROM waves.audit_log WHERE entity_id = %s AND after_json ? 'approved_rows' ORDER BY actor", new
    )
    assert audit == [(name,) for name in names]
    site.wave("fire", THEME)
    assert pilots(site) == [(new, "closed")]
    assert site.sql("SELECT count(*) FROM waves.verdict WHERE rubric_version = %s", new) == [(6,)]


def test_hostile_rows_are_text_in_the_table_and_in_the_review_file(site: Site) -> None:
    site.fill(0)
    evil = (
        "[red]Why?[/red] \x1b[2J\x1b]0;own\x07 <script>alert(1)</script> | a | `b` [c](http://evil) \u202eabc\n# head"
    )
    site.insert([(evil, "review")])
    copy = site.root / "copy.md"
    ran = site.wave("pilot", THEME, "--markdown", str(copy))
    assert ran.code == 0
    assert "[red]Why?[/red]" in ran.out
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out)
    code, shown = site.on_terminal("pilot", THEME)
    assert (code, "\x1b]0;" in shown, "\x1b[2J" in shown) == (0, False, False)
    page = copy.read_text()
    (row,) = [line for line in page.splitlines() if "Why" in line]
    assert "<script>" not in page
    assert "&lt;script&gt;" in row
    assert r"\[c\]\(http\://evil\)" in row
    assert r"\# head" in row
    assert row.replace(r"\|", "").count("|") == 7
    assert not {"\x1b", "\x07", "\u202e"} & set(page)


def test_no_model_is_asked_by_a_pilot_that_may_not(site: Site, tee: Tee) -> None:
    site.fill(60)
    assert site.wave("fire", THEME).code == 76
    tee.clear()
    ran = site.wave("pilot", THEME, "--json")
    assert (ran.code, ran.json["state"], ran.json["rows"]) == (76, "awaiting_approval", [])
    assert json.dumps(tee.items()) == "[]"
