"""Themes with gold for the tests of `wave eval`: real questions of bank customers, sentences of class comments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.integration.cli.site import ROOT, Site

DATA = ROOT / "tests" / "data" / "gold"
COMMENTS = "CREATE TABLE code_comment (id text PRIMARY KEY, lang text, content text)"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def with_theme(site: Site, theme: str) -> None:
    """The theme in this project, on its provider; the table of the class comments with it."""
    folder = site.root / "prompts" / theme
    shutil.copytree(DATA / theme, folder)
    site.edit(f"prompts/{theme}/theme.yaml", "backends: [rehearsal]", "backends: [provider]")
    if theme == "code_comments":
        rows = [(row["id"], row["lang"], row["content"]) for row in lines(folder / "rows.jsonl")]
        site.sql(COMMENTS)
        with site.connect() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO code_comment VALUES (%s, %s, %s)", rows)


def evaluated(site: Site, theme: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    ran = site.wave("eval", theme, "--json", *arguments)
    assert (ran.code, ran.err) == (code, ""), ran
    return ran.json


def answers(site: Site, theme: str, setting: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was said about each item, from the parts on disk: key → output with its confidence."""
    folder = site.root / "data" / theme / "evaluations" / setting["evaluation_id"] / "parts"
    parts = [json.loads(path.read_bytes()) for path in folder.glob("*/*.json")]
    return {part["entity_key"]: {**part["output"], "confidence": part["confidence"]} for part in parts}
