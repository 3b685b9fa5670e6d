"""scripts/make_sample.py: what is chosen, and that the same source gives the same bytes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_sample.py"
LONG = "which has quite enough words"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_sample", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two reviews: a heading that both have, a fragment, a paragraph of three sentences, one of another domain."""
    told = [
        ("r1_0@0", "Reviewer response for version one", "Structure", "iscb"),
        ("r1_1@0", f"First sentence {LONG}", "Todo", "iscb"),
        ("r1_1@1", "Too short.", "Todo", "iscb"),
        ("r1_1@2", f"Third\u2028sentence  {LONG} \n", "Weakness", "iscb"),
        ("r2_0@0", "reviewer response for version ONE", "Structure", "rpackage"),
        ("r2_4@0", f"Praise \u0103 {LONG}", "Strength", "rpackage"),
    ]
    lines = [
        json.dumps(
            {"id": f"f1000rd:{n}", "text": text, "labels": [gold], "review_id": n[:2], "domain": domain, "seq": i}
        )
        for i, (n, text, gold, domain) in enumerate(told)
    ]
    path = tmp_path / "source.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def made(script: ModuleType, source: Path, folder: Path) -> dict[str, dict[str, Any]]:
    folder.mkdir()
    script.main(source, folder)
    lines = (folder / "artifact_comments.jsonl").read_text("ascii").splitlines()
    return {row["content"].split()[0]: row for row in map(json.loads, lines)}


def test_headings_that_repeat_and_fragments_are_left_out(script: ModuleType, source: Path, tmp_path: Path) -> None:
    assert set(made(script, source, tmp_path / "out")) == {"First", "Third", "Praise"}


def test_the_parent_is_the_chosen_sentence_before_it(script: ModuleType, source: Path, tmp_path: Path) -> None:
    rows = made(script, source, tmp_path / "out")
    assert {word: row["comment_type"] for word, row in rows.items()} == {
        "First": "overview", "Third": "follow_up", "Praise": "review"
    }  # fmt: skip
    assert rows["Third"]["parent_id"] == rows["First"]["id"]
    assert rows["First"]["parent_id"] is None


def test_blanks_of_every_kind_become_one_blank(script: ModuleType, source: Path, tmp_path: Path) -> None:
    assert made(script, source, tmp_path / "out")["Third"]["content"] == f"Third sentence {LONG}"


def test_the_same_source_gives_the_same_bytes(script: ModuleType, source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        made(script, source, tmp_path / name)
    names = ["SHA256SUMS", "artifact_comments.jsonl", "gold.jsonl"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    assert [
        name for name in names if (tmp_path / "one" / name).read_bytes() != (tmp_path / "two" / name).read_bytes()
    ] == []


def test_a_paragraph_ends_where_a_class_has_its_quota(script: ModuleType, source: Path) -> None:
    sentences = script.worth_having(script.read(source))
    chosen = script.choose(sentences, {"Todo": 1, "Weakness": 0, "Strength": 1})
    assert sorted(comment.sentence.gold for comment in chosen) == ["Strength", "Todo"]
