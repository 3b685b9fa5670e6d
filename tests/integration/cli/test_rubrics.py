"""Rubric versions at the shell: the price of one before it is in force, the gate, and what is known of it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.cli import shapes
from tests.integration.cli.site import RUBRIC, THEME, Site
from tests.integration.cli.tee import Tee

SECOND = f"prompts/{THEME}/v2.md"
VERSION = {"type": "string", "pattern": "^v[0-9]+-[0-9a-f]{7}$"}
PRICE = shapes.closed(
    theme={"const": THEME},
    version=VERSION,
    before={"anyOf": [VERSION, {"type": "null"}]},
    active={"type": "boolean"},
    to_ask=shapes.WHOLE,
    to_restore=shapes.WHOLE,
    estimated={"type": "boolean"},
    requests=shapes.WHOLE,
    cost_usd=shapes.MONEY,
    waves=shapes.WHOLE,
    windows=shapes.WHOLE_OR_UNKNOWN,
    approved={"type": "boolean"},
    rows_left=shapes.WHOLE_OR_UNKNOWN,
    waits=shapes.WORDS,
    sampled=shapes.WHOLE,
    drifted=shapes.WHOLE_OR_UNKNOWN,
    refusal=shapes.WORDS,
    dry_run={"type": "boolean"},
)


def active(site: Site) -> str | None:
    ((found,),) = site.sql("SELECT active_version FROM waves.theme")
    assert found is None or isinstance(found, str)
    return found


def second(site: Site, more: str = "And be brief.") -> None:
    site.write(SECOND, f"{RUBRIC}\n{more}\n")


def priced(site: Site, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The object of an activation."""
    ran = site.wave("rubrics", "activate", THEME, "--json", *arguments)
    assert ran.code == code, ran
    found = ran.json
    error = found.pop("error", None)
    assert (error is not None) == (code != 0)
    shapes.check(PRICE, found)
    return found


@pytest.fixture
def judged(site: Site) -> Site:
    """30 rows, all judged by the first version, and a file of the second."""
    site.fill(30)
    site.approve()
    site.fire()
    second(site)
    return site


def test_a_dry_run_tells_the_price_and_changes_nothing(judged: Site, tee: Tee) -> None:
    old = active(judged)
    before = judged.sql("SELECT count(*) FROM waves.theme_rubric"), judged.sql("SELECT count(*) FROM waves.audit_log")
    tee.clear()
    found = priced(judged, "--dry-run")
    assert {key: found[key] for key in ("before", "active", "to_ask", "to_restore", "estimated")} == {
        "before": old,
        "active": False,
        "to_ask": 30,
        "to_restore": 0,
        "estimated": False,
    }
    assert (found["requests"], found["waves"], found["windows"], found["cost_usd"]) == (3, 1, None, None)
    assert (found["approved"], found["rows_left"], found["drifted"], found["dry_run"]) == (False, 50, 0, True)
    assert active(judged) == old
    assert before == (
        judged.sql("SELECT count(*) FROM waves.theme_rubric"),
        judged.sql("SELECT count(*) FROM waves.audit_log"),
    )
    assert tee.requests() == []


def test_nothing_moves_until_somebody_says_yes(judged: Site) -> None:
    old = active(judged)
    ran = judged.wave("rubrics", "activate", THEME)
    assert (ran.code, active(judged)) == (76, old)
    assert "nobody has confirmed what it costs" in ran.fault[0]
    assert "--yes" in ran.fault[1]
    assert "to ask: 30 rows in 3 requests, 1 wave" in ran.out
    assert priced(judged, code=76)["active"] is False

    done = judged.wave("rubrics", THEME, "activate", "--yes", "--by", "ana", "--reason", "better")
    assert (done.code, done.err) == (0, "")
    new = active(judged)
    assert new is not None
    assert new != old
    assert done.out.splitlines()[-1] == f"rubric {new} of theme {THEME} is active"
    assert judged.sql("SELECT actor, reason FROM waves.audit_log WHERE after_json->>'active_version' = %s", new) == [
        ("ana", "better")
    ]

    again = judged.wave("rubrics", "activate", THEME)
    assert (again.code, again.err) == (0, ""), "it is active already: nothing to confirm"
    assert judged.sql("SELECT count(*) FROM waves.audit_log WHERE after_json->>'active_version' = %s", new) == [(1,)]


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("\n", 76)])
def test_a_person_at_the_terminal_is_asked(judged: Site, typed: str, code: int) -> None:
    old = active(judged)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        judged.command("rubrics", "activate", THEME, "--json"),
        cwd=judged.root,
        env=judged.environ({"TERM": "dumb"}),
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"? [y/N]" not in shown:
            shown += os.read(ours, 65536)
        assert b"Activate rubric v2-" in shown
        assert b"to ask: 30 rows" in shown, "the price comes before the question"
        os.write(ours, typed.encode())
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        assert process.wait(60) == code
    os.close(ours)
    assert found["active"] is (code == 0)
    assert (active(judged) != old) is (code == 0)


def test_what_the_version_has_judged_already_is_restored_and_not_paid_again(judged: Site) -> None:
    old = active(judged)
    priced(judged, "--yes")
    assert judged.fire("--keys", "20")["counts"]["matched"] == 20
    back = priced(judged, str(old), "--dry-run")
    assert (back["to_ask"], back["to_restore"], back["active"], back["approved"]) == (0, 20, False, True)
    assert judged.wave("rubrics", "rollback", THEME, "--json").json == {
        "theme": THEME,
        "version": old,
        "before": back["before"],
        "active": True,
    }
    found = priced(judged, "--dry-run")
    assert (found["to_ask"], found["to_restore"]) == (10, 0), "20 rows show it still"
    assert judged.fire()["llm_calls"] == 0
    found = priced(judged, "--dry-run")
    assert (found["to_ask"], found["to_restore"]) == (10, 20)


def test_the_price_is_in_money_waves_and_windows(judged: Site) -> None:
    project = json.loads(judged.project_file())
    project["backends"]["provider"] |= {
        "prices": {"model-1": {"input": 3.0, "output": 15.0}},
        "window": "5h",
        "capacity": 20,
        "use_at_most": 0.5,
    }
    judged.write("waves.yaml", json.dumps(project))
    judged.sql("UPDATE waves.ledger SET sent_at = sent_at - interval '1 day'")
    judged.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'keys', '12')", THEME)
    found = priced(judged, "--dry-run")
    assert (found["waves"], found["windows"]) == (3, 3)
    assert 0 < found["cost_usd"] < 1
    judged.sql("DELETE FROM comment WHERE id > 15")
    half = priced(judged, "--dry-run")
    assert (half["to_ask"], half["windows"]) == (15, 2)
    assert half["cost_usd"] < found["cost_usd"]


def test_the_price_tells_what_is_left_of_an_approval(judged: Site) -> None:
    new = priced(judged, "--yes")["version"]
    assert judged.fire("--keys", "20")["counts"]["matched"] == 20
    judged.wave("rubrics", "rollback", THEME)
    assert priced(judged, new, "--dry-run")["rows_left"] == 30
    judged.wave("approve", THEME, "--version", new, "--by", "ana", "--max-rows", "25")
    found = priced(judged, new, "--dry-run")
    assert (found["approved"], found["rows_left"]) == (True, 5)
    told = judged.wave("rubrics", "activate", THEME, new, "--dry-run").out
    assert "approved for some rows: fires take 5 more" in told


def test_a_pilot_that_fires_wait_for_is_told_before_the_question(judged: Site) -> None:
    assert priced(judged, "--dry-run")["waits"] is None
    assert judged.wave("pilot", THEME, "--keys", "4").code == 0
    told = judged.wave("rubrics", "activate", THEME, "--dry-run").out
    assert "fires wait: a pilot of rubric v2-" in told
    assert "wave approve comments --by NAME" in str(priced(judged, "--dry-run")["waits"])


def test_the_first_activation_of_all_says_who_and_why(site: Site) -> None:
    site.fill(1)
    version = priced(site, "--yes", "--by", "ana", "--reason", "to begin with")["version"]
    assert active(site) == version
    assert site.sql("SELECT actor, reason, after_json FROM waves.audit_log") == [
        ("ana", "to begin with", {"active_version": version})
    ]
    shown = site.wave("rubrics", "show", THEME, "--json").json
    assert shown["created_by"] == "ana"


def test_a_source_that_has_drifted_is_told_before_the_question(judged: Site) -> None:
    judged.sql("UPDATE comment SET content = content || ' Edited.' WHERE id <= 4")
    ran = judged.wave("rubrics", "activate", THEME)
    assert ran.code == 76
    assert "the source has drifted: 4 of 30 rows" in ran.out
    assert priced(judged, "--dry-run")["drifted"] == 4


def evaluated(site: Site, version: str, macro_f1: float | None, **other: object) -> None:
    """An evaluation in the setting of the theme's fires, on all of the gold; or in an `other` one."""
    measured = {"backend": "provider", "model": "model-1", "batch_size": 12, "whole": True, **other}
    values = {"theme_id": THEME, "rubric_version": version, "macro_f1": macro_f1, **measured}
    site.sql(
        f"INSERT INTO waves.evaluation ({', '.join(values)}, gold_sha256, items, answered, report)"
        f" VALUES ({', '.join(['%s'] * len(values))}, '', 10, 10, '{{}}')",
        *values.values(),
    )


def compared(site: Site, old: str | None, version: str, flips: int, *, whole: bool = True) -> None:
    site.sql(
        "INSERT INTO waves.comparison (theme_id, old_version, new_version, compared, flips, whole, report)"
        " VALUES (%s, %s, %s, 100, %s, %s, '{}')",
        THEME,
        old,
        version,
        flips,
        whole,
    )


def test_a_gate_wants_an_evaluation_that_is_good_enough(judged: Site) -> None:
    old = active(judged)
    judged.edit(f"prompts/{THEME}/theme.yaml", "backends:", "gate: {min_f1: 0.8}\nbackends:")
    new = priced(judged, "--dry-run")["version"]
    ran = judged.wave("rubrics", "activate", THEME, "--yes")
    assert (ran.code, active(judged)) == (76, old)
    assert ran.fault[1] == f"Evaluate it first: wave eval {THEME} --rubric {new}"
    evaluated(judged, new, 0.9)
    evaluated(judged, new, 0.79)
    assert "0.790" in priced(judged, "--dry-run")["refusal"], "the newest one counts"
    assert "0.790" in priced(judged, "--yes", code=76)["refusal"]
    evaluated(judged, new, None)
    assert priced(judged, "--yes", code=76)["active"] is False
    evaluated(judged, new, 0.8)
    evaluated(judged, new, 0.1, model="model-2")
    assert priced(judged, "--yes")["active"] is True

    judged.edit(f"prompts/{THEME}/theme.yaml", "min_f1: 0.8", "min_f1: 0.95")
    assert judged.wave("rubrics", "rollback", THEME).code == 0, "no gate is in the way back"
    assert active(judged) == old
    assert priced(judged, new, "--yes", code=76)["active"] is False, "that it was in force once does not matter"


@pytest.mark.parametrize(
    "other",
    [{"backend": "another"}, {"model": "model-2"}, {"batch_size": 1}, {"whole": False}],
    ids=lambda one: next(iter(one)),
)
def test_a_gate_reads_what_fires_can_be_expected_to_reach(judged: Site, other: dict[str, object]) -> None:
    judged.edit(f"prompts/{THEME}/theme.yaml", "backends:", "gate: {min_f1: 0.8}\nbackends:")
    new = priced(judged, "--dry-run")["version"]
    evaluated(judged, new, 0.9, **other)
    found = priced(judged, "--yes", code=76)
    assert "no F1 on record for all of the gold, by model-1 on backend provider with 12 items" in found["refusal"]
    evaluated(judged, new, 0.85)
    evaluated(judged, new, 0.95, **other)
    assert priced(judged, "--yes")["active"] is True
    shown = judged.wave("rubrics", "show", THEME, "v2", "--json").json["evaluation"]
    assert (shown["macro_f1"], shown["usual"]) == (0.85, True)


def test_the_gate_of_a_theme_with_a_batch_service_takes_the_same_model_asked_at_once(judged: Site) -> None:
    project = json.loads(judged.project_file())
    project["backends"]["night"] = project["backends"]["provider"] | {"kind": "message_batches"}
    judged.write("waves.yaml", json.dumps(project))
    judged.edit(f"prompts/{THEME}/theme.yaml", "backends: [provider]", "gate: {min_f1: 0.8}\nbackends: [night]")
    new = priced(judged, "--dry-run")["version"]
    ran = judged.wave("rubrics", "activate", THEME, "--yes")
    assert ran.fault[1] == f"Evaluate it first: wave eval {THEME} --rubric {new} --backend provider --models model-1"
    evaluated(judged, new, 0.9)
    assert priced(judged, "--yes")["active"] is True


def test_a_gate_wants_a_comparison_with_few_flips(judged: Site) -> None:
    old = active(judged)
    judged.edit(f"prompts/{THEME}/theme.yaml", "backends:", "gate: {max_flips: 0.1}\nbackends:")
    ran = judged.wave("rubrics", "activate", THEME, "--yes")
    assert ran.code == 76
    assert f"wave compare {THEME}" in ran.fault[1]
    new = priced(judged, "--dry-run")["version"]
    compared(judged, "v0-0000000", new, 0)
    assert priced(judged, "--yes", code=76)["active"] is False, "that was with another version"
    compared(judged, old, new, 0, whole=False)
    assert priced(judged, "--yes", code=76)["active"] is False, "that was on some rows"
    compared(judged, old, new, 11)
    assert "11 of 100 verdicts" in priced(judged, "--yes", code=76)["refusal"]
    compared(judged, old, new, 10)
    assert priced(judged, "--yes")["active"] is True


def test_of_two_who_activate_at_once_one_comes_after_the_other(judged: Site) -> None:
    judged.write(f"prompts/{THEME}/v3.md", f"{RUBRIC}\nAnd be kind.\n")
    listed = judged.wave("rubrics", THEME, "--json").json["versions"]
    old, *both = [one["version"] for one in listed]

    begun = [judged.begin("rubrics", "activate", THEME, one, "--by", one, "--yes") for one in both]
    assert [one.end().code for one in begun] == [0, 0]
    moves = judged.sql(
        "SELECT actor, before_json->>'active_version', after_json->>'active_version' FROM waves.audit_log"
        " WHERE after_json ? 'active_version' ORDER BY id"
    )
    assert [move[2] for move in moves[:1]] == [old]
    assert {move[0] for move in moves[1:]} == set(both)
    for (_, _, earlier), (_, before, _) in pairwise(moves):
        assert before == earlier
    assert active(judged) == moves[-1][2]


def test_versions_are_listed_with_what_is_known_of_them(judged: Site) -> None:
    judged.approve()
    old = active(judged)
    assert old is not None
    evaluated(judged, old, 0.5)
    evaluated(judged, old, 0.75)
    (theme,) = judged.wave("rubrics", "--json").json["themes"]
    assert theme == judged.wave("rubrics", THEME, "--json").json == judged.wave("rubrics", "list", THEME, "--json").json
    first, other = theme["versions"]
    assert (first["version"], first["state"], first["created_by"], first["approved_by"]) == (
        old,
        "active",
        "tests",
        "tests",
    )
    assert (first["verdicts"], first["verdicts_estimated"], first["evaluation"]["macro_f1"]) == (30, False, 0.75)
    assert (first["approved"], first["approved_rows"]) == (True, None)
    assert (other["state"], other["created_at"], other["verdicts"], other["evaluation"]) == ("file_only", None, 0, None)
    shown = judged.wave("rubrics").out
    assert all(part in shown for part in (THEME, old, "active", "any", "30", " 0.750", "file only"))
    judged.sql("UPDATE waves.evaluation SET whole = false")
    assert "(0.750)" in judged.wave("rubrics").out, "measured, but not as fires ask"


def test_a_version_is_shown_as_it_was_registered_and_with_its_history(judged: Site) -> None:
    judged.sql("UPDATE waves.audit_log SET reason = E'so \\x1b[2J it is'")
    judged.edit(f"prompts/{THEME}/v1.md", "Label each comment", "Label every comment")
    found = judged.wave("rubrics", "show", THEME, "--json").json
    assert (found["version"], found["text"], found["state"]) == (active(judged), RUBRIC, "active")
    assert [(one["actor"], list(one["after"])) for one in found["decisions"]] == [
        ("waves", ["active_version"]),
        ("tests", ["approved_by", "approved_rows"]),
    ]
    shown = judged.wave("rubrics", THEME, "show")
    assert "Label each comment by what it does." in shown.out
    assert "\x1b" not in shown.out
    waits = judged.wave("rubrics", THEME, "--json").json["versions"][-1]["version"]
    assert "And be brief." in judged.wave("rubrics", "show", THEME, waits).out
    assert "And be brief." in judged.wave("rubrics", "show", THEME, "v2").out
    assert judged.wave("rubrics", "show", THEME, "v9-0000000").code == 78
    short = judged.wave("rubrics", "diff", THEME, str(active(judged)), "v2", "--json").json
    assert (short["old"], short["new"]) == (active(judged), waits)


def test_a_difference_is_shown_as_diff_does(judged: Site) -> None:
    ran = judged.wave("rubrics", "diff", THEME)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[:2] == [
        f"--- {active(judged)}",
        f"+++ {judged.wave('rubrics', 'diff', THEME, '--json').json['new']}",
    ]
    assert "+And be brief." in ran.out
    assert "-" not in {line[:1] for line in ran.out.splitlines()[2:]}
    judged.write(SECOND, "no rubric at all\n")
    assert "+no rubric at all" in judged.wave("rubrics", THEME, "diff").out, "a draft can be looked at"
    alike = judged.wave("rubrics", "diff", THEME, str(active(judged)), str(active(judged)))
    assert "are identical" in alike.out


def test_fires_go_on_with_the_registered_text_whatever_becomes_of_the_file(judged: Site, tee: Tee) -> None:
    old = active(judged)
    judged.sql("UPDATE comment SET version = NULL WHERE id <= 3")
    judged.write(SECOND, "---\nkind: nonsense\n---\n")
    assert judged.fire()["rubric_version"] == old, "a draft is nobody's business"
    (judged.root / SECOND).unlink()
    judged.edit(f"prompts/{THEME}/v1.md", "Label each comment", "Label every comment")
    waiting = judged.wave("rubrics", THEME, "--json").json["versions"][-1]
    assert waiting["state"] == "file_only"
    shown = judged.wave("status").out
    assert f"rubric file {waiting['version']} is not active" in shown
    assert f"the file of rubric {old} has changed or is gone" in shown
    (judged.root / f"prompts/{THEME}/v1.md").unlink()
    tee.clear()
    judged.sql("UPDATE comment SET version = NULL WHERE id <= 3")
    fired = judged.fire()
    assert (fired["rubric_version"], fired["counts"]["matched"]) == (old, 3)
    assert all("Label each comment by what it does." in json.dumps(request["system"]) for request in tee.requests())
    assert "has changed or is gone" in judged.wave("status").out
    assert judged.wave("doctor").code == 0
    assert judged.wave("rubrics", "activate", THEME, "--yes").code == 78, "there is no file to activate"
