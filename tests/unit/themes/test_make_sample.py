"""scripts/make_sample*.py: what is chosen, and that the same source gives the same bytes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
LONG = "which has quite enough words"


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module; what it imports from its own folder is found there."""
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return importlib.import_module(name)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded("make_sample", monkeypatch)


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


# --- articles -------------------------------------------------------------------------------------------------------


def articles(folder: Path) -> Path:
    """Nine how-tos, two overviews and one FAQ."""
    types = ["how-to"] * 9 + ["overview"] * 2 + ["faq"]
    lines = [
        json.dumps({"id": f"azmgmt:articles/{n}.md", "title": f"T{n}", "text": f"T{n}\n\nBody {n}", "labels": [label]})
        for n, label in enumerate(types)
    ]
    path = folder / "source.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_up_to_four_articles_of_a_type_are_held_out_and_half_at_most(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = loaded("make_sample_articles", monkeypatch)
    script.main(articles(tmp_path), tmp_path, tmp_path / "gold.jsonl")
    gold, rows = read_lines(tmp_path / "gold.jsonl"), read_lines(tmp_path / "articles.jsonl")
    assert sorted(line["labels"][0] for line in gold) == ["faq", *["how-to"] * 5, "overview"]
    assert [line["id"] for line in gold] == [row["article_id"] for row in rows]


def test_an_article_is_its_title_and_the_rest_of_its_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = loaded("make_sample_articles", monkeypatch)
    script.main(articles(tmp_path), tmp_path, tmp_path / "gold.jsonl")
    for row in read_lines(tmp_path / "articles.jsonl"):
        number = row["path"].removeprefix("articles/").removesuffix(".md")
        assert (row["title"], row["body"]) == (f"T{number}", f"Body {number}")


# --- activities -----------------------------------------------------------------------------------------------------


def sentence(number: int, *entities: tuple[str, str]) -> str:
    named = [{"type": kind, "text": text} for kind, text in entities]
    return json.dumps({"id": f"ronec:test:{number}", "text": f" Fraza {number} ", "entities": named})


def test_sentences_that_name_something_to_do_become_activities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = loaded("make_sample_activities", monkeypatch)
    source = tmp_path / "source.jsonl"
    lines = [
        sentence(1, ("PERSON", "Ana"), ("GPE", "Arad"), ("WORK_OF_ART", '""'), ("EVENT", "Balul „X”"), ("LOC", "Olt")),
        sentence(2, ("PERSON", "Ana"), ("GPE", "Arad")),
        sentence(277, ("EVENT", "shown by the rubric")),
        sentence(4, ("FACILITY", "Muzeul Satului")),
    ]
    source.write_text("\n".join(lines) + "\n", "utf-8")
    script.main(source, tmp_path)
    assert read_lines(tmp_path / "activities.jsonl") == [
        {"activity_id": "ronec-1", "title": "Balul „X”", "description": "Fraza 1", "place": "Arad"},
        {"activity_id": "ronec-4", "title": "Muzeul Satului", "description": "Fraza 4", "place": None},
    ]


@pytest.mark.parametrize("table", ["articles", "activities"])
def test_the_same_source_gives_the_same_bytes_of_every_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str
) -> None:
    script = loaded(f"make_sample_{table}", monkeypatch)
    source = articles(tmp_path)
    if table == "activities":
        source.write_text(sentence(1, ("EVENT", "Balul")) + "\n" + sentence(2, ("LOC", "Olt")) + "\n", "utf-8")
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        gold = [tmp_path / name / "gold.jsonl"] if table == "articles" else []
        script.main(source, tmp_path / name, *gold)
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1]
    assert f"  {table}.jsonl\n".encode() in made[0]["SHA256SUMS"]
