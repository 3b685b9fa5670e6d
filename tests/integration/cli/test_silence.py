"""Cron mails whatever is printed: without a terminal success is silent. On a terminal a person sees the wave move."""

from __future__ import annotations

import re
import shlex
import subprocess

from tests.integration.cli.site import THEME, Site

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def plain(shown: str) -> str:
    return CODES.sub("", shown).replace("\r", "\n")


def test_a_fire_without_a_terminal_is_silent(site: Site) -> None:
    site.fill(20)
    for _ in range(2):
        ran = site.process("fire", THEME)
        assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_fire_on_a_terminal_shows_progress_rate_eta_and_the_counts_line(site: Site) -> None:
    site.fill(40)
    code, shown = site.on_terminal("fire", THEME)
    assert code == 0
    text = plain(shown)
    assert re.search(r"\d+/40 +[0-9.,]+ items/s +\d:\d\d:\d\d", text)
    assert re.search(r"^wave \S+: emitted 40 = parts 40 = entries 40 = matched 40, orphaned 0 *$", text, re.MULTILINE)
    code, shown = site.on_terminal("fire", THEME)
    assert (code, plain(shown).split("\n")[-3:-1]) == (0, ["nothing is missing: the gap is empty", ""])


def test_what_needs_a_person_is_said_to_cron_too(site: Site) -> None:
    site.fill(51)
    ran = site.process("fire", THEME)
    assert (ran.code, ran.out) == (76, "")
    version = site.status()["rubric_version"]
    assert f"`wave approve comments --version {version} --by NAME` opens the gate" in ran.err
    assert ran.err.count("\n") == 1


def test_rows_that_a_fire_gave_up_are_one_line_for_cron_once(site: Site) -> None:
    site.fill(4)
    site.sql("ALTER TABLE comment ADD CONSTRAINT odd CHECK (version IS NULL OR id > 1)")
    ran = site.wave("fire", THEME)
    why = "the target refused it: CheckViolation (23514) at odd (1)"
    remedy = "`wave retry comments --all --by NAME` gives them back to the gap"
    assert (ran.code, ran.out, ran.err) == (0, "", f"comments: 1 row was given up: {why}; {remedy}\n")
    assert site.wave("fire", THEME).err == ""


def test_status_without_a_terminal_has_no_escape_codes(site: Site) -> None:
    site.fill(3)
    ran = site.process("status")
    assert ran.code == 0
    assert "\x1b" not in ran.out


def test_a_reader_that_leaves_and_an_output_without_room_are_no_bugs(site: Site) -> None:
    site.fill(3)
    site.fire()
    command = shlex.join(site.command("audit", THEME))
    for shell, code, told in (
        (f"{command} | true; exit ${{PIPESTATUS[0]}}", 0, ""),
        (f"{command} > /dev/full", 74, "wave: cannot write the output: No space left on device"),
        (f"{shlex.join(site.command('rubrics', 'show', THEME))} >&-", 0, ""),
    ):
        ran = subprocess.run(["bash", "-c", shell], env=site.environ(), cwd=site.root, capture_output=True, text=True)  # noqa: PLW1510 - the code is what it is about
        assert ran.returncode == code, (shell, ran)
        assert ran.stderr.splitlines()[:1] == ([told] if told else [])
