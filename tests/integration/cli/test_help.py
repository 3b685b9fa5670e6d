"""What the command line says of itself, and what it does with what it does not know."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import wave_command
from tests.integration.cli.site import Site
from tests.project_folder import Ran
from waves.errors import EXIT_CODES
from waves.surfaces.cli.main import COMMANDS

HEAVY = ("anthropic", "fastapi", "ray", "aiohttp", "pydantic", "psycopg", "rich", "jsonschema_rs")


def wave(folder: Path, *arguments: str) -> Ran:
    return wave_command.run(arguments, folder, os.environ)


RUBRICS = [f"rubrics {name}" for name in ("list", "show", "diff", "activate", "rollback")]


@pytest.mark.parametrize("command", ["", *COMMANDS, *RUBRICS])
def test_each_help_has_an_example_and_the_exit_codes(tmp_path: Path, command: str) -> None:
    ran = wave(tmp_path, *command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "\n  Example:\n    wave " in ran.out
    lines = [line.strip() for line in ran.out.splitlines()]
    for code, meaning in EXIT_CODES.items():
        assert f"{code}  {meaning}" in lines


def test_help_names_each_command_and_what_it_does(tmp_path: Path) -> None:
    words = " ".join(wave(tmp_path).out.split())
    for name, (_, about) in COMMANDS.items():
        assert f" {name} {about}" in words


@pytest.mark.parametrize("arguments", [["--help"], ["fire", "--help"], ["--version"]])
def test_help_pays_for_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "waves", *arguments], cwd=tmp_path, capture_output=True, check=True
    )
    modules = {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}
    assert "waves.surfaces.cli.main" in modules
    assert not modules & set(HEAVY)


def test_status_does_not_import_what_talks_to_a_model(site: Site) -> None:
    site.fill(3)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "waves", "status"],
        cwd=site.root,
        env={**os.environ, **site.environment},
        capture_output=True,
        check=True,
    )
    modules = {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}
    assert "psycopg" in modules
    assert not modules & {"anthropic", "aiohttp", "fastapi", "ray"}


def test_the_price_table_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, waves.steps.reports.status, waves.steps.budget.caps; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fier"], "No such command 'fier'. Did you mean 'fire'?"),
        (["statsu", "--json"], "No such command 'statsu'. Did you mean 'status'?"),
        (["frobnicate"], "No such command 'frobnicate'."),
        (["fire"], "Missing argument 'THEME'"),
        (["fire", "t", "--key", "5"], "No such option '--key'. Did you mean '--keys'?"),
        (["fire", "t", "--keys", "many"], "'many' is not a valid integer range"),
        (["fire", "t", "--keys", "0"], "0 is not in the range"),
        (["fire", "t", "--parallel", "-1"], "-1 is not in the range"),
        (["fire", "t", "u"], "Got unexpected extra argument (u)"),
        (["approve", "t"], "Missing option '--by'"),
        (["approve", "t", "--by", ""], "a name is required"),
        (["rubrics", "activate", "t", "--by", "  "], "a name is required"),
        (["config", "t", "keys", "5", "--by", ""], "a name is required"),
        (["approve", "t", "--by", "ana", "--max-rows", "99999999999999999999"], "is not in the range"),
        (["collect", "t", "--accept-orphans"], "--accept-orphans or --accept-given-up, and --by NAME go together."),
        (["collect", "t", "--by", "ana"], "--accept-orphans or --accept-given-up, and --by NAME go together."),
        (["rubrics", "activte", "t"], "No such command 'activte'."),
        (["abandon", "t"], "Missing option '--by'"),
        (["demo", "t", "--all"], "name a THEME, or give --all"),
        (["--stauts"], "No such option '--stauts'. Did you mean '--status'?"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(tmp_path: Path, arguments: list[str], said: str) -> None:
    ran = wave(tmp_path, *arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err.replace("Error: ", "")
    assert "Traceback" not in ran.err


def test_the_flag_status_is_the_command_status(site: Site) -> None:
    site.fill(3)
    flag, command = site.wave("--status"), site.wave("status")
    assert flag == command
    assert (flag.code, flag.err) == (0, "")
    assert "comments" in flag.out
