#!/usr/bin/env python3
"""Make the activities of data/sample/: `make_sample_activities.py romanian_quotes.jsonl [folder]`.

The source has sentences of RONEC with their named entities: `id`, `text`, `entities`. Those that name an event, a
place, a building or a work are taken, as somebody would collect things to do from the news. The same source gives the
same bytes. The sentences that the rubric shows as worked examples are held out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from make_sample import json_lines, seal

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_PREFIX = "ronec:test:"
NAMED = {"EVENT", "FACILITY", "LOC", "WORK_OF_ART"}
EXAMPLES = {"277", "503", "592", "3536", "7067", "7258", "7683", "8493", "9230", "10214"}
"""The sentences in prompts/activity_enrichment/v1.md."""


def first(row: dict[str, Any], kinds: set[str]) -> str | None:
    """The first entity of these kinds that has a letter or a digit in it; some are nothing but quotation marks."""
    found = (entity["text"].strip() for entity in row["entities"] if entity["type"] in kinds)
    return next((text for text in found if any(map(str.isalnum, text))), None)


def rows(source: Path) -> Iterator[dict[str, Any]]:
    for line in source.read_text("utf-8").split("\n"):
        row = json.loads(line) if line else {"id": "", "entities": []}
        number = row["id"].removeprefix(SOURCE_PREFIX)
        title = first(row, NAMED)
        if title and number not in EXAMPLES:
            yield {
                "activity_id": f"ronec-{number}",
                "title": title,
                "description": row["text"].strip(),
                "place": first(row, {"GPE"}),
            }


def main(source: Path, folder: Path) -> None:
    (folder / "activities.jsonl").write_bytes(json_lines(rows(source)))
    seal(folder)


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent / "data" / "sample"
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else here)  # noqa: PLR2004 – the folder is optional
