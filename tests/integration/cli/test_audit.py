"""`wave audit`: every state change of a row from first to last, each with who did it and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.cli.site import RUBRIC, THEME, Site


def entries(site: Site, *options: str) -> list[dict[str, Any]]:
    ran = site.wave("audit", THEME, "--json", *options)
    assert (ran.code, ran.err) == (0, "")
    assert ran.json.keys() == {"theme", "entries", "more"}
    found = ran.json["entries"]
    assert isinstance(found, list)
    return found


def test_the_story_of_a_row_is_whole(site: Site) -> None:
    site.fill(3)
    first = site.fire()
    site.write(f"prompts/{THEME}/v2.md", RUBRIC + "\nAnd be brief.\n")
    assert site.wave("rubrics", "activate", THEME, "--yes", "--by", "bo", "--reason", "briefer").code == 0
    second = site.fire()
    assert site.wave("rubrics", "rollback", THEME, "--by", "ana", "--reason", "worse").code == 0
    third = site.fire()
    assert third["llm_calls"] == 0

    story = entries(site, "--entity", "2")
    assert [one["run_id"] for one in story] == [first["run_id"], second["run_id"], third["run_id"]]
    assert [one["after"]["version"] for one in story] == [one["rubric_version"] for one in (first, second, third)]
    assert story[0]["before"] == {"labels": None, "confidence": None, "version": None}
    assert all(after["before"] == before["after"] for before, after in pairwise(story))
    assert [one["reason"].split()[0] for one in story] == ["collected", "collected", "restored"]

    every = entries(site)
    assert all(one["actor"] and one["reason"] and one["at"].endswith("Z") for one in every)
    moments = [datetime.fromisoformat(one["at"]) for one in every]
    assert moments == sorted(moments)
    decisions = entries(site, "--actor", "ana")
    assert [(one["entity"], one["reason"]) for one in decisions] == [(first["rubric_version"], "worse")]
    assert [one["actor"] for one in entries(site, "--entity", second["rubric_version"])] == ["bo"]
    assert {one["entity"] for one in entries(site, "--run", second["run_id"])} == {"1", "2", "3"}

    last = entries(site, "--limit", "1")
    assert last == every[-1:]
    assert site.wave("audit", THEME, "--limit", "1", "--json").json["more"] is True
    assert site.wave("audit", THEME, "--limit", str(len(every)), "--json").json["more"] is False
    told = site.wave("audit", THEME, "--limit", "2").out.splitlines()
    assert told[0] == f"{len(every) - 2} earlier entries are not shown; --limit shows more"
    assert len(told) == 3
    assert f'version: "{second["rubric_version"]}" → "{first["rubric_version"]}"' in told[2]


def test_the_past_is_cut_off_at_a_moment(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.sql("UPDATE waves.audit_log SET created_at = now() - interval '3 days' WHERE entity_id = '1'")
    (old,) = entries(site, "--entity", "1")
    at = datetime.fromisoformat(old["at"])
    for since in ("4d", "80h", f"{at:%Y-%m-%d}", f"{at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}Z", old["at"]):
        assert entries(site, "--entity", "1", "--since", since) == [old], since
    for since in ("2d", "70h", f"{at + timedelta(days=1):%Y-%m-%d}", f"{at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"):
        assert entries(site, "--entity", "1", "--since", since) == [], since
    assert site.wave("audit", THEME, "--entity", "1", "--since", "2d").out == "no entry of the audit log matches\n"


@pytest.mark.parametrize("since", ["yesterday", "7", "999999w", "2026-13-01"])
def test_a_moment_that_is_none_is_wrong_usage(site: Site, since: str) -> None:
    ran = site.wave("audit", THEME, "--since", since)
    assert (ran.code, ran.out) == (2, "")
    assert since in ran.err


def test_what_a_model_said_does_nothing_to_a_terminal(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.sql(
        """INSERT INTO waves.audit_log (theme_id, actor, entity_id, after_json, reason)
           VALUES ('comments', E'\\x1b[2Jana', '1', '{"note": "\\u001b]0;x\\u0007[red]\\u202e"}', E'one\\ntwo')"""
    )
    line = site.wave("audit", THEME, "--entity", "1").out.splitlines()[-1]
    assert line.isprintable()
    assert "\\x1b[2Jana" in line
    assert "[red]" in line
    assert line.endswith("one\\ntwo")


def test_a_composite_key_may_be_written_as_any_json_array(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.sql("""UPDATE waves.audit_log SET entity_id = '["hg19", "chr7"]' WHERE entity_id = '1'""")
    assert entries(site, "--entity", '["hg19","chr7"]') == entries(site, "--entity", '["hg19", "chr7"]') != []


def test_an_unknown_theme_is_78(site: Site) -> None:
    assert site.wave("audit", "nobody").code == 78
