"""`--json`: one object on stdout, with exactly the keys that programs rely on, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import waves.fire
from tests.integration.cli import shapes
from tests.integration.cli.site import KEY, THEME, Site
from tests.integration.cli.tee import Tee, provider

if TYPE_CHECKING:
    import pytest


def test_a_first_fire_a_second_and_the_status_have_their_shapes(site: Site, tee: Tee) -> None:
    site.fill(30)
    first = site.fire()
    shapes.check(shapes.FIRE, first)
    assert first["theme"] == THEME
    assert first["state"] == "complete"
    counts = dict.fromkeys(("emitted", "parts", "entries", "matched"), 30)
    counts |= dict.fromkeys(("orphaned", "released", "quarantined", "missing"), 0)
    assert first["counts"] == counts
    assert first["llm_calls"] == len(tee.requests()) == 3
    assert first["tokens"]["input"] > 0
    assert first["cost_usd"] is None, "no price is known yet"
    assert first["duration_ms"] > 0
    assert (first["snoozed_until"], first["reason"]) == (None, None)
    tee.clear()

    second = site.fire()
    shapes.check(shapes.FIRE, second)
    assert (second["state"], second["llm_calls"], second["wave_id"]) == ("complete", 0, None)
    assert second["counts"]["emitted"] == 0
    assert second["counts"]["entries"] is second["counts"]["matched"] is second["counts"]["orphaned"] is None
    assert second["run_id"] != first["run_id"]
    assert tee.requests() == []

    ran = site.wave("status", "--json")
    assert (ran.code, ran.err) == (0, "")
    shapes.check(shapes.STATUS, ran.json)
    (theme,) = ran.json["themes"]
    assert [theme[key] for key in ("total", "done", "missing", "given_up", "percent")] == [30, 30, 0, 0, 100]
    assert (theme["wave"], theme["estimated"], theme["eta"]["waves"]) == (None, False, 0)
    assert theme["last_run"]["run_id"] == second["run_id"]
    assert theme["rubric_version"] == first["rubric_version"]


def test_the_status_of_a_theme_tells_its_last_runs_and_a_dry_run_is_not_the_last(site: Site) -> None:
    site.fill(30)
    fired = site.fire()
    site.fire("--dry-run")
    assert site.status()["last_run"]["run_id"] == fired["run_id"]
    head, dry, real = site.wave("status", THEME).out.splitlines()[-3:]
    assert head.split()[:3] == ["run", "(UTC)", "state"]
    assert " dry run " in dry
    assert dry.split()[-10:-2] == ["0", "→", "0", "0", "0", "0", "0", "$0.0000"]
    assert real.split()[2:-2] == ["complete", "30", "→", "0", "30", "0", "0", "3", "?"]
    assert real.endswith(" s")
    assert "wall clock" not in site.wave("status").out


def test_a_fire_whose_process_is_gone_does_not_run(site: Site) -> None:
    site.fill(3)
    site.fire()
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid, state in ((os.getpid(), "running"), (gone.pid, "died")):
        site.sql("UPDATE waves.runs SET state = 'running', finished_at = NULL, pid = %s", pid)
        assert site.status()["last_run"]["state"] == state


def test_what_the_target_refuses_is_an_error_of_the_run_and_given_up_not_done(site: Site) -> None:
    site.fill(10)
    site.sql("ALTER TABLE comment ADD CONSTRAINT odd CHECK (version IS NULL OR id > 8)")
    fired = site.wave("fire", THEME, "--json")
    shapes.check(shapes.FIRE, fired.json)
    assert (fired.code, fired.json["state"], fired.json["counts"]["matched"]) == (0, "complete", 10)
    why = "the target refused it: CheckViolation (23514) at odd"
    assert fired.json["given_up"] == [{"reason": why, "rows": 8}]
    summary = f"8 rows were given up: {why} (8)"
    assert site.sql("SELECT items_processed, items_errored, error_summary FROM waves.runs") == [(2, 8, summary)]
    theme = site.status()
    assert [theme[key] for key in ("total", "done", "missing", "given_up", "percent")] == [10, 2, 0, 8, 20]
    assert site.fire()["given_up"] == [], "a decision is reported once"
    shown = site.wave("status").out.splitlines()
    assert shown[0].split()[2:6] == ["done", "missing", "given", "up"]
    assert shown[1].split()[2:6] == ["2", "0", "8", "20.0"]


def test_a_theme_without_a_single_verdict_is_at_0_percent(site: Site) -> None:
    site.fill(3)
    site.sql("ALTER TABLE comment ADD CONSTRAINT never CHECK (version IS NULL)")
    site.fire()
    assert (site.status()["percent"], site.status()["given_up"]) == (0, 3)


def test_an_open_wave_stands_in_the_status(site: Site) -> None:
    site.fill(5)
    prepared = site.wave("prepare", THEME)
    theme = site.status()
    shapes.check(shapes.THEME, theme)
    assert theme["wave"]["id"] == prepared.out.split()[2]
    assert theme["wave"]["state"] == "open"
    assert theme["wave"]["counts"] == {"emitted": 5, "parts": 0, "released": 0, "quarantined": 0, "missing": 5}
    assert theme["eta"]["waves"] == 1


def test_a_theme_that_never_fired_has_a_status(site: Site) -> None:
    site.fill(5)
    theme = site.status()
    shapes.check(shapes.THEME, theme)
    assert theme["last_run"] is None
    assert (theme["total"], theme["missing"], theme["percent"]) == (5, 5, 0)
    assert site.sql("SELECT count(*) FROM waves.theme") == [(0,)]


def test_an_empty_table_is_complete(site: Site, tee: Tee) -> None:
    site.fill(0)
    fired = site.fire()
    assert (fired["state"], fired["counts"]["emitted"]) == ("complete", 0)
    assert (site.status()["total"], site.status()["percent"]) == (0, 100)
    assert tee.requests() == []


def test_a_broken_theme_hides_no_other(site: Site) -> None:
    site.fill(5)
    (site.root / "prompts" / "broken").mkdir()
    site.write("prompts/broken/theme.yaml", "sorce: {}\n")
    ran = site.wave("status", "--json")
    assert ran.code == 78
    shapes.check(shapes.FAILED_STATUS, ran.json)
    assert [theme["theme"] for theme in ran.json["themes"]] == [THEME]
    assert ran.json["error"]["message"] == ran.fault[0]
    shown = site.wave("status")
    assert shown.code == 78
    assert THEME in shown.out


def test_a_bug_is_told_as_json_too_without_values(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise ValueError("row text, secret")

    site.fill(1)
    monkeypatch.setattr(waves.fire, "fire_waves", wrong)
    ran = site.wave("fire", THEME, "--json")
    assert ran.code == 70
    shapes.check(shapes.FAILED_FIRE, ran.json)
    assert ran.json["error"]["code"] == "bug"
    assert ran.json["error"]["message"].startswith("this is a bug in waves: ValueError at ")
    assert "row text" not in ran.out + ran.err
    assert ran.fault == (ran.json["error"]["message"], ran.json["error"]["hint"])


def test_a_snooze_says_until_when(site: Site) -> None:
    site.fill(5)
    with provider("--scenario", json.dumps({"quota": {"capacity": 1, "window": 3600}})) as strict:
        site.provider = strict.url
        site.write("waves.yaml", site.project_file())
        site.edit("prompts/comments/theme.yaml", "batch_size: 12", "batch_size: 2")
        ran = site.wave("fire", THEME, "--json")
    assert (ran.code, ran.err) == (75, "")
    found: dict[str, Any] = ran.json
    shapes.check(shapes.FIRE, found)
    assert found["state"] == "snoozed"
    assert found["snoozed_until"] is not None
    assert found["counts"]["emitted"] == found["counts"]["parts"] + found["counts"]["missing"] == 5
    theme = site.status()
    shapes.check(shapes.THEME, theme)
    assert theme["snoozed_until"] == found["snoozed_until"]
    assert theme["snooze_reason"]
    assert theme["wave"]["counts"]["parts"] == found["counts"]["parts"]


def test_no_object_holds_a_key_or_a_password(site: Site) -> None:
    site.fill(3)
    ran = site.wave("fire", THEME, "--json", WAVES_DATABASE="postgresql://ana:hunter2@127.0.0.1:1/x")
    status = site.wave("status", "--json", WAVES_DATABASE="postgresql://ana:hunter2@127.0.0.1:1/x")
    for text in (ran.out, ran.err, status.out, status.err):
        assert "hunter2" not in text
        assert KEY not in text


def test_a_fire_that_loses_its_connection_reports_unknown_figures_and_closes_its_run_row(site: Site) -> None:
    site.fill(4)
    site.sql(
        "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END'; "
        "CREATE TRIGGER leave BEFORE UPDATE ON comment FOR EACH ROW EXECUTE FUNCTION leave()"
    )
    fired = site.wave("fire", THEME, "--json")
    shapes.check(shapes.FAILED_FIRE, fired.json)
    assert (fired.code, fired.json["error"]["code"], fired.json["llm_calls"]) == (69, "database", None)
    assert site.sql("SELECT state, error_summary, llm_calls FROM waves.runs WHERE finished_at IS NOT NULL") == [
        ("failed", fired.json["error"]["message"], 1)
    ]
    site.sql("DROP TRIGGER leave ON comment")
    again = site.fire()
    assert (again["state"], again["llm_calls"], again["counts"]["matched"]) == ("complete", 0, 4)
