#!/usr/bin/env python3
"""Make the articles of data/sample/: `make_sample_articles.py articles.jsonl [folder [gold.jsonl]]`.

The source has a line for each article of the Azure management documentation: `id`, `title`, `text`, and the type that
its authors gave it as the only one of `labels`. The same source gives the same bytes. A few rows of each type are held
out, so that the worked examples of prompts/article_type are articles that nobody is asked about.
"""

from __future__ import annotations

import json
import sys
import uuid
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from make_sample import json_lines, scramble, seal

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_PREFIX = "azmgmt:"
REPOSITORY = "https://github.com/MicrosoftDocs/azure-management-docs/blob/main/"
MOST_HELD_OUT = 4
"""Of each type; never more than half of its rows."""
ROOT = Path(__file__).resolve().parent.parent

Row = dict[str, Any]


def read(source: Path) -> list[Row]:
    return [json.loads(line) for line in source.read_text("utf-8").split("\n") if line]


def article_type(row: Row) -> str:
    (label,) = row["labels"]
    return str(label)


def held_out(rows: list[Row]) -> Iterator[Row]:
    """The rows of each type that come first in an order that hangs on nothing but their ids."""
    for _, group in groupby(sorted(rows, key=article_type), key=article_type):
        of_type = sorted(group, key=lambda row: scramble(row["id"]))
        yield from of_type[: min(MOST_HELD_OUT, len(of_type) // 2)]


def article(row: Row) -> Row:
    path = row["id"].removeprefix(SOURCE_PREFIX)
    body = row["text"].removeprefix(row["title"]).strip()
    return {
        "article_id": str(uuid.uuid5(uuid.NAMESPACE_URL, REPOSITORY + path)),
        "path": path,
        "title": row["title"],
        "body": body,
    }


def main(source: Path, folder: Path, gold: Path) -> None:
    rows = read(source)
    examples = {row["id"] for row in held_out(rows)}
    kept = [(article(row), article_type(row)) for row in rows if row["id"] not in examples]
    (folder / "articles.jsonl").write_bytes(json_lines(row for row, _ in kept))
    gold.write_bytes(json_lines({"id": row["article_id"], "labels": [label]} for row, label in kept))
    seal(folder)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    defaults = [ROOT / "data" / "sample", ROOT / "prompts" / "article_type" / "gold.jsonl"]
    main(given[0], *[*given[1:], *defaults[len(given) - 1 :]])
