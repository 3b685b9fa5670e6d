#!/usr/bin/env python3
"""Make the comments of data/sample/ from the sentences of F1000RD: `make_sample.py f1000rd.jsonl [folder]`.

The same source gives the same bytes. Sentences are chosen by whole paragraphs in an order that hangs on nothing but
their ids, until each domain has its quota of each class. Writes artifact_comments.jsonl, gold.jsonl and SHA256SUMS.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SOURCE_PREFIX = "f1000rd:"
ARTIFACT_TYPES = {
    "case-report": "case_report",
    "disease_outbreaks": "outbreak_article",
    "iscb": "computational_biology_article",
    "rpackage": "software_article",
    "scipolresearch": "policy_article",
}
QUOTA = {"Todo": 34, "Weakness": 26, "Strength": 23, "Recap": 23, "Other": 22, "Structure": 2}
"""Sentences of each class in each of the five domains: 5 × 130 = 650."""
DELETED_PER_TYPE = 2
LONGEST_THREAD = 5
FEWEST_WORDS = 5
FIRST_COMMENT = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sentence:
    source_id: str
    paragraph: str
    review: str
    domain: str
    gold: str
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A chosen sentence; `parent` is the sentence before it in its paragraph that was chosen too."""

    sentence: Sentence
    parent: Sentence | None


def read(source: Path) -> Iterator[Sentence]:
    for line in source.read_text("utf-8").split("\n"):
        if line:
            row = json.loads(line)
            paragraph = row["id"].rpartition("@")[0]
            text = " ".join(row["text"].split())
            yield Sentence(row["id"], paragraph, row["review_id"], row["domain"], row["labels"][0], row["seq"], text)


def worth_having(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Without fragments, and without every text that occurs twice: those are headings and set phrases."""
    every = list(sentences)
    times = Counter(sentence.text.casefold() for sentence in every)
    return [s for s in every if len(s.text.split()) >= FEWEST_WORDS and times[s.text.casefold()] == 1]


def scramble(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def choose(sentences: Sequence[Sentence], quota: Mapping[str, int]) -> list[Comment]:
    """From each paragraph the sentences up to the first one whose class has its quota in that domain."""
    paragraphs = [list(group) for _, group in groupby(sentences, key=lambda s: s.paragraph)]
    room = Counter({(domain, gold): n for domain in ARTIFACT_TYPES for gold, n in quota.items()})
    chosen: list[Comment] = []
    for paragraph in sorted(paragraphs, key=lambda p: scramble(p[0].paragraph)):
        parent: Sentence | None = None
        for sentence in paragraph[:LONGEST_THREAD]:
            if not room[sentence.domain, sentence.gold]:
                break
            room[sentence.domain, sentence.gold] -= 1
            chosen.append(Comment(sentence, parent))
            parent = sentence
    return sorted(chosen, key=lambda c: (scramble(c.sentence.review), c.sentence.seq))


def comment_type(comment: Comment) -> str:
    if comment.parent:
        return "follow_up"
    first_paragraph = comment.sentence.paragraph == f"{SOURCE_PREFIX}{comment.sentence.review}_1"
    return "overview" if first_paragraph else "review"


def deleted(chosen: Sequence[Comment]) -> set[str]:
    """The source ids of the few comments that are marked as deleted, so that a theme's `where` has work to do."""
    ids: set[str] = set()
    for domain in ARTIFACT_TYPES:
        candidates = sorted((c.sentence.source_id for c in chosen if c.sentence.domain == domain), key=scramble)
        ids.update(candidates[:DELETED_PER_TYPE])
    return ids


def rows(chosen: Sequence[Comment]) -> Iterator[dict[str, Any]]:
    ids = {comment.sentence.source_id: n for n, comment in enumerate(chosen, start=1)}
    gone = deleted(chosen)
    for comment in chosen:
        sentence = comment.sentence
        moment = (FIRST_COMMENT + timedelta(minutes=7 * ids[sentence.source_id])).isoformat()
        yield {
            "id": ids[sentence.source_id],
            "content": sentence.text,
            "comment_type": comment_type(comment),
            "artifact_type": ARTIFACT_TYPES[sentence.domain],
            "parent_id": ids[comment.parent.source_id] if comment.parent else None,
            "created_at": moment,
            "updated_at": moment,
            "quality_score": round(min(1.0, len(sentence.text.split()) / 40), 3),
            "deleted": sentence.source_id in gone,
            "comment_type_labels": None,
            "comment_type_confidence": None,
            "classifier_version": None,
        }


def json_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode("ascii")


def seal(folder: Path) -> None:
    """Write down the sums of all rows that lie in the folder."""
    rows = sorted(folder.glob("*.jsonl"))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in rows)
    (folder / "SHA256SUMS").write_text(sums, "ascii")


def main(source: Path, folder: Path) -> None:
    chosen = choose(worth_having(read(source)), QUOTA)
    gold = (
        {"id": n, "class": comment.sentence.gold, "source_id": comment.sentence.source_id}
        for n, comment in enumerate(chosen, start=1)
    )
    files = {"artifact_comments.jsonl": json_lines(rows(chosen)), "gold.jsonl": json_lines(gold)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    seal(folder)


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent / "data" / "sample"
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else here)  # noqa: PLR2004 – the folder is optional
