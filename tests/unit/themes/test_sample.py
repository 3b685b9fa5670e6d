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
TABLES = ("activities", "articles", "artifact_comments")


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
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SAMPLE.glob("*.jsonl")}
    assert set(found) == {*(f"{table}.jsonl" for table in TABLES), "gold.jsonl"}
    assert found == recorded


@pytest.mark.parametrize("table", TABLES)
def test_the_table_has_the_columns_of_the_rows_and_says_what_they_are(table: str) -> None:
    sql = (SAMPLE / f"{table}.sql").read_text("utf-8")
    definition = sql[sql.index(f"CREATE TABLE IF NOT EXISTS {table} (") : sql.index(");")]
    columns = re.findall(r"^    (\w+)", definition, re.MULTILINE)
    for row in json_lines(f"{table}.jsonl"):
        assert list(row) == columns[: len(row)]
    assert re.search(rf"^COMMENT ON TABLE {table} IS '\w+ [\w ]+';$", sql, re.MULTILINE)


def test_articles_and_activities_are_unique_and_whole() -> None:
    for table, key, prose, count in (
        ("articles", "article_id", "body", 700),
        ("activities", "activity_id", "description", 223),
    ):
        rows = json_lines(f"{table}.jsonl")
        assert len({row[key] for row in rows}) == len({row[prose] for row in rows}) == len(rows) == count
        assert all(row["title"].strip() and row[prose].strip() for row in rows)


def test_many_activities_have_quotation_marks_that_break_careless_json() -> None:
    texts = [row["description"] for row in json_lines("activities.jsonl")]
    assert sum("„" in text for text in texts) > 80
    assert sum("„" in text and '"' in text for text in texts) > 5


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("f1000rd", "https://github.com/UKPLab/f1000rd", "Section 8 -- Interpretation."),
        ("f1000rd", "https://creativecommons.org/licenses/by-sa/4.0/", "Attribution-ShareAlike 4.0 International"),
        ("azure-docs", "https://github.com/MicrosoftDocs/azure-management-docs", "by Microsoft and contributors"),
        ("azure-docs", "https://creativecommons.org/licenses/by/4.0/", "Section 8 -- Interpretation."),
        ("ronec", "https://github.com/dumitrescustefan/ronec", "MIT License"),
    ],
)
def test_licence_and_attribution_stand_beside_the_data(name: str, source: str, says: str) -> None:
    licence = (SAMPLE / f"LICENSE.{name}").read_text("utf-8")
    assert source in licence
    assert says in licence


def test_each_article_that_a_rubric_quotes_is_named() -> None:
    rubric = (SAMPLE.parents[1] / "prompts" / "article_type" / "v1.md").read_text("utf-8")
    named = re.findall(r"^#   (articles/\S+\.md)$", rubric, re.MULTILINE)
    examples = rubric.count("### Example\n")
    own = 6
    assert len(set(named)) == len(named) == examples - own
    assert not {row["path"] for row in json_lines("articles.jsonl")} & set(named)
