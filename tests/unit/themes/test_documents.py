"""Documents that repeat what the code says must say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from waves import models
from waves.config import project, theme
from waves.errors import EXIT_CODES

ROOT = Path(__file__).parents[3]


def document(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_table_of_exit_codes_is_the_one_of_the_code() -> None:
    first_table = document("docs/exit-codes.md").partition("| code | what to do |")[0]
    written = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", first_table, re.MULTILINE)}
    assert written == EXIT_CODES


def test_the_remedies_are_for_codes_that_exist() -> None:
    remedies = document("docs/exit-codes.md").partition("| code | what to do |")[2]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", remedies, re.MULTILINE)} < set(EXIT_CODES)


@pytest.mark.parametrize(("heading", "states"), [("A wave", models.WaveState), ("A verdict", models.VerdictState)])
def test_the_lifecycle_draws_each_state(heading: str, states: object) -> None:
    section = document("docs/lifecycle.md").partition(f"## {heading}")[2].partition("\n## ")[0]
    drawn = {end for edge in re.findall(r"^ +(\S+) --> ([^:\s]+)", section, re.MULTILINE) for end in edge} - {"[*]"}
    assert drawn == set(get_args(states))


def test_the_design_has_each_state_of_a_fire() -> None:
    section = document("docs/design.md").partition("| state | exit code |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", section)) == set(get_args(models.FireState))


def indented_block(text: str, introduced_by: str) -> str:
    after = text.partition(introduced_by + "\n\n")[2]
    return "\n".join(line[4:] for line in re.split(r"\n(?=\S)", after)[0].split("\n"))


def test_the_files_in_the_design_can_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAVES_CONFIG", raising=False)
    design = document("docs/design.md")
    folder = tmp_path / "prompts" / "copied"
    folder.mkdir(parents=True)
    (tmp_path / "waves.yaml").write_text(indented_block(design, "or by `WAVES_CONFIG`:"), "utf-8")
    (folder / "theme.yaml").write_text(indented_block(design, "`prompts/<theme>/theme.yaml`:"), "utf-8")
    found = project.load(tmp_path)
    assert set(found.backends) == {"anthropic", "rehearsal"}
    assert theme.load(found.prompts, "copied").backends == ("anthropic",)


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data" / "sample").glob("*.md")]
    links = [
        (path, link)
        for path in documents
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    ]
    assert links
    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []
