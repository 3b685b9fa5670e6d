"""`on_complete`: the theme's own command, once for each time that the gap became empty, and never beyond its fire."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.place import until
from tests.integration.cli.site import KEY, THEME, Site

NOTE = """#!/bin/sh
echo called >> calls
"""
TELL = f"""#!/bin/sh
''':'
exec "{sys.executable}" "$0" "$@"   # a `#!` line takes no path with a blank
'''
import json, os, sys
json.dump({{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ),
           "stdin": sys.stdin.read(), "leads": os.getpgid(0) == os.getpid()}}, open("told.json", "w"))
print("x" * 10_000 + "built")
"""
HANG = """#!/bin/sh
sleep 600 &
echo $$ $! > pids.new && mv pids.new pids
wait
"""


def write_command(site: Site, text: str, *arguments: str, timeout: float | None = None) -> None:
    """`on_complete` is this script, in the project's folder."""
    script = site.root / "rebuild"
    script.write_text(text)
    script.chmod(0o755)
    use(site, ["./rebuild", *arguments], timeout=timeout)


def use(site: Site, command: list[str], *, timeout: float | None = None) -> None:
    lines = f"on_complete: {json.dumps(command)}\n" + (f"on_complete_timeout: {timeout}\n" if timeout else "")
    path = site.folder / "theme.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "on_complete" not in line) + lines)


def calls(site: Site) -> int:
    path = site.root / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def codes(site: Site) -> list[int | None]:
    """The command's exit code in each run, oldest first."""
    return [code for (code,) in site.sql("SELECT on_complete_exit_code FROM waves.runs ORDER BY started_at")]


def logged(site: Site) -> list[dict[str, Any]]:
    lines = [line for path in (site.data / "logs").iterdir() for line in path.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["event"] == "on_complete"]


def test_it_runs_once_for_each_time_that_the_gap_became_empty(site: Site) -> None:
    site.fill(3)
    write_command(site, NOTE)
    assert site.fire("--keys", "2")["state"] == "collected"
    assert calls(site) == 0, "rows are left"
    assert site.fire()["state"] == "complete"
    assert (calls(site), codes(site)) == (1, [None, 0])
    site.fire()
    assert (calls(site), codes(site)) == (1, [None, 0, None])
    site.sql("UPDATE comment SET version = NULL WHERE id = 1")
    site.fire()
    assert calls(site) == 2, "judged again"
    site.sql("UPDATE comment SET version = 'v0-another' WHERE id = 1")
    assert site.fire()["llm_calls"] == 0
    assert calls(site) == 3, "restored"
    site.fire()
    assert calls(site) == 3


def test_a_wave_merged_by_hand_or_by_a_fire_that_died_is_followed_by_it(site: Site) -> None:
    site.fill(3)
    write_command(site, NOTE)
    for step in ("prepare", "run", "collect"):
        assert site.wave(step, THEME).code == 0
    assert calls(site) == 0
    site.sql("UPDATE waves.runs SET items_processed = 0, gap_before = 0")  # all that a fire knows that died in collect
    site.fire()
    assert calls(site) == 1


def test_it_gets_its_arguments_as_they_are_and_none_of_our_secrets(site: Site) -> None:
    site.fill(1)
    write_command(site, TELL, "a b", "$HOME", "; echo no", "*")
    fired = site.fire()
    told = json.loads((site.root / "told.json").read_text())
    assert told["arguments"] == ["a b", "$HOME", "; echo no", "*"]
    assert (told["folder"], told["stdin"], told["leads"]) == (str(site.root), "", True)
    environment = told["environment"]
    assert {name: environment[name] for name in environment if name.startswith("WAVES_")} == {
        "WAVES_PROJECT": str(site.root),
        "WAVES_THEME": THEME,
        "WAVES_RUN_ID": fired["run_id"],
        "WAVES_RUBRIC_VERSION": fired["rubric_version"],
    }
    assert environment["TZ"] == "UTC"
    assert set(environment) <= {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "PWD", "LC_CTYPE", "SHLVL", "_"} | {
        name for name in environment if name.startswith("WAVES_")
    }
    assert KEY not in json.dumps(environment)
    assert not Path(environment["TMPDIR"]).exists()
    (entry,) = logged(site)
    assert (entry["exit_code"], len(entry["output"]), entry["output"][-6:]) == (0, 4096, "built\n")


def test_one_that_fails_is_told_and_run_again_until_it_ends_well(site: Site) -> None:
    site.fill(1)
    write_command(site, NOTE + "echo no disk >&2; exit 3\n")
    for _ in range(2):
        ran = site.wave("fire", THEME)
        assert (ran.code, ran.out) == (0, "")
        assert "on_complete of theme comments ended with 3" in ran.err
    assert codes(site) == [3, 3]
    assert [entry["output"] for entry in logged(site)] == ["no disk\n"] * 2
    assert site.sql("SELECT DISTINCT state, gap_after FROM waves.runs") == [("complete", 0)]
    write_command(site, NOTE)
    assert "ended with" not in str(site.fire()["reason"])
    site.fire()
    assert codes(site) == [3, 3, 0, None]


def test_one_that_does_not_exist_stops_no_fire_and_the_doctor_says_so(site: Site) -> None:
    site.fill(1)
    use(site, ["./no-such-program"])
    ran = site.wave("fire", THEME, "--json")
    assert (ran.code, ran.json["state"], ran.json["counts"]["matched"]) == (0, "complete", 1)
    assert "ended with 127" in ran.json["reason"]
    assert codes(site) == [127]
    ran = site.wave("doctor", "--json")
    assert ran.code == 78
    assert ["no-such-program" in one["what"] for one in ran.json["findings"] if one["level"] == "broken"] == [True]
    use(site, ["true"])
    assert site.wave("doctor").code == 0


def pids(site: Site) -> list[int]:
    until((site.root / "pids").exists, "the command runs")
    found = [int(pid) for pid in (site.root / "pids").read_text().split()]
    (site.root / "pids").unlink()
    return found


def gone(found: list[int]) -> None:
    until(lambda: not any(psutil.pid_exists(pid) for pid in found), "the command and its children are gone")


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(site: Site) -> None:
    site.fill(1)
    write_command(site, HANG, timeout=0.5)
    ran = site.wave("fire", THEME)
    assert (ran.code, codes(site)) == (0, [124])
    assert "took longer than 0.5 s" in ran.err
    gone(pids(site))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_it_ends_with_its_fire_and_the_next_one_runs_it_again(site: Site, number: signal.Signals, code: int) -> None:
    site.fill(1)
    write_command(site, HANG)
    fire = site.begin("fire", THEME)
    running = pids(site)
    fire.signal(number)
    assert fire.end(20).code == code
    gone(running)
    assert codes(site) == [-9 if code == 75 else None]
    write_command(site, NOTE)
    site.fire()
    assert (calls(site), codes(site)[1:]) == (1, [0])
