"""The sample data: what its README promises, and that nobody changed it unnoticed."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


def json_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / name).read_text("ascii").split("\n") if line]


@pytest.fixture(scope="module")
def comments() -> list[dict[str, Any]]:
    return json_lines("artifact_comments.jsonl")


def test_six_hundred_comments_or_more_are_not_deleted(comments: list[dict[str, Any]]) -> None:
    assert len(comments) == 650
    assert sum(not comment["deleted"] for comment in comments) == 640


def test_ids_and_texts_are_unique(comments: list[dict[str, Any]]) -> None:
    assert len({comment["id"] for comment in comments}) == len(comments)
    assert len({comment["content"].casefold() for comment in comments}) == len(comments)


def test_every_parent_stands_before_its_answer(comments: list[dict[str, Any]]) -> None:
    seen: set[int | None] = {None}
    for comment in comments:
        assert comment["parent_id"] in seen
        seen.add(comment["id"])


def test_a_comment_has_a_parent_exactly_if_it_is_a_follow_up(comments: list[dict[str, Any]]) -> None:
    assert {c["id"] for c in comments if c["parent_id"]} == {
        c["id"] for c in comments if c["comment_type"] == "follow_up"
    }


def test_the_five_kinds_of_artifact_are_equally_frequent(comments: list[dict[str, Any]]) -> None:
    times = Counter(comment["artifact_type"] for comment in comments)
    assert (len(times), set(times.values())) == (5, {130})


def test_nothing_is_classified_yet(comments: list[dict[str, Any]]) -> None:
    columns = ("comment_type_labels", "comment_type_confidence", "classifier_version")
    assert {comment[column] for comment in comments for column in columns} == {None}


def test_each_comment_has_one_gold_class(comments: list[dict[str, Any]]) -> None:
    gold = json_lines("gold.jsonl")
    assert [row["id"] for row in gold] == [comment["id"] for comment in comments]
    assert Counter(row["class"] for row in gold) == {
        "Todo": 170, "Weakness": 130, "Strength": 115, "Recap": 115, "Other": 110, "Structure": 10
    }  # fmt: skip


def test_the_files_are_those_that_were_recorded() -> None:
    lines = (SAMPLE / "SHA256SUMS").read_text("ascii").splitlines()
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() for name in recorded}
    assert set(recorded) == {"artifact_comments.jsonl", "gold.jsonl"}
    assert found == recorded


def test_the_table_has_the_columns_of_the_rows(comments: list[dict[str, Any]]) -> None:
    sql = (SAMPLE / "artifact_comments.sql").read_text("utf-8")
    table = sql[sql.index("CREATE TABLE") : sql.index(");")]
    assert re.findall(r"^    (\w+)", table, re.MULTILINE) == list(comments[0])


def test_licence_and_attribution_stand_beside_the_data() -> None:
    licence = (SAMPLE / "LICENSE.f1000rd").read_text("utf-8")
    assert "https://github.com/UKPLab/f1000rd" in licence
    assert "https://creativecommons.org/licenses/by-sa/4.0/" in licence
    assert "Section 8 -- Interpretation." in licence
