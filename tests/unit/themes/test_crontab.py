"""crontab.example: what an operator copies has to be right the first time."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest

from waves.config import theme
from waves.surfaces.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "crontab.example").read_text("utf-8").splitlines()
JOBS = [line for line in LINES if re.match(r"[\d*]", line)]
SETTINGS = dict(line.split("=", 1) for line in LINES if re.match(r"[A-Z]\w*=", line))
FIRES = [job for job in JOBS if "/wave.sh " in job]


def test_every_line_is_a_comment_a_setting_or_a_job() -> None:
    assert len(JOBS) + len(SETTINGS) == sum(1 for line in LINES if line and not line.startswith("#"))


def test_there_are_two_fires_a_night_after_the_reset_at_23_utc() -> None:
    minutes = [(int(job.split()[1]) * 60 + int(job.split()[0]) - 23 * 60) % 1440 for job in FIRES]
    assert len(minutes) == 2
    assert all(0 < minute < 8 * 60 for minute in minutes)


@pytest.mark.parametrize("job", JOBS)
def test_each_job_calls_what_exists_by_an_absolute_path_and_as_it_wants_to_be_called(job: str) -> None:
    program, *arguments = job.split()[5:]
    placeholder, _, inside = program.partition("/path/to/waves/")
    assert placeholder == ""
    if inside == ".venv/bin/wave":
        assert arguments[0] in COMMANDS
        subcommand = cli.get_command(click.Context(cli), arguments[0])
        assert subcommand is not None
        assert subcommand.make_context(arguments[0], arguments[1:]).params["theme"] in theme.known(ROOT / "prompts")
    else:
        assert os.access(ROOT / inside, os.X_OK)


@pytest.mark.parametrize("job", FIRES)
def test_each_fire_names_a_theme_and_then_two_numbers_at_most(job: str) -> None:
    named, *numbers = job.split()[6:]
    assert named in theme.known(ROOT / "prompts")
    assert len(numbers) <= 2
    assert all(int(number) > 0 for number in numbers)


def test_no_key_stands_in_the_crontab() -> None:
    assert [name for name in SETTINGS if re.search(r"KEY|TOKEN|SECRET|PASSWORD", name)] == []


@pytest.mark.parametrize("job", JOBS)
def test_no_job_has_a_bare_percent_sign_or_prints_by_itself(job: str) -> None:
    assert not re.search(r"(?<!\\)%|echo|--json|>", job)
