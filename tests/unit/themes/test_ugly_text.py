"""tests/data: the texts that other tests feed to every part are whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(("name", "rows"), [("blns", 515), ("romanian_quotes", 80), ("synthetic", 41)])
def test_each_file_has_its_rows_with_unique_ids(name: str, rows: int) -> None:
    lines = (DATA / f"{name}.jsonl").read_text("utf-8").removesuffix("\n").split("\n")
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == rows


def test_the_texts_that_postgresql_cannot_hold_are_marked() -> None:
    rows = [json.loads(line) for line in (DATA / "synthetic.jsonl").read_text("utf-8").split("\n") if line]
    assert {row["id"] for row in rows if not row["pg_storable"]} == {
        row["id"] for row in rows if any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in row["text"])
    }
