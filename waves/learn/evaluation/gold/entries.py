"""Verdicts by people, from `gold.jsonl` in the theme's folder or from a relation that theme.yaml names.

A line is `{"id": …, "label" | "labels" | "output": …}`, with `"input": {column: text}` if no row has to be read.
Messages name the line or the key, never a row's text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from waves.config.theme import GoldRelation
from waves.errors import BadDataError
from waves.exact_json import exact
from waves.steps.session.session import Session
from waves.store.rubrics import evaluations

if TYPE_CHECKING:
    from pydantic import ValidationError

FILE_NAME = "gold.jsonl"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldEntry:
    """One verdict by a person. `where` names it in messages; `input` is None where the row is read from the source."""

    where: str
    key: Key
    verdict: object = field(hash=False)
    input: Mapping[str, str | None] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class GoldEntries:
    """All entries of one file or column, which `source` names in messages."""

    source: str
    entries: tuple[GoldEntry, ...]


def read_entries(session: Session) -> GoldEntries:
    """BadDataError where there is no gold, where a line is malformed, and where an id occurs twice."""
    path, relation = session.theme.folder / FILE_NAME, session.theme.gold
    if relation is not None:
        gold = GoldEntries(f"{relation.relation}.{relation.column}", tuple(_from_relation(session, relation)))
    elif path.is_file():
        gold = GoldEntries(str(path), tuple(_from_file(path)))
    else:
        raise BadDataError(
            f"theme {session.theme.theme_id} has no gold",
            f"Write {path}, or name a relation under `gold` in theme.yaml; docs/evaluation.md shows both.",
        )
    _refuse_duplicates(gold.entries)
    return gold


def duplicate_error(first: GoldEntry, second: GoldEntry) -> BadDataError:
    return BadDataError(f"{second.where}: this id is already used at {first.where}", "Keep one of the two.")


def _from_file(path: Path) -> Iterator[GoldEntry]:
    from pydantic import ValidationError

    from waves.learn.evaluation.gold.line import GoldLine

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadDataError(f"cannot read {path}: {error.strerror}", "Check the path and its rights.") from error
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            entry = GoldLine.model_validate(_parse_json(line))
        except ValidationError as error:
            raise BadDataError(f"{where}: {_first_defect(error)}", "docs/evaluation.md shows a line.") from None
        except (ValueError, RecursionError):
            raise BadDataError(f"{where}: this is not JSON in UTF-8", "Each line is one object; fix it.") from None
        yield GoldEntry(where, entry.key, entry.verdict, entry.input)


def _parse_json(line: bytes) -> object:
    """Strict: without NaN and infinities."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    value: object = json.loads(line, parse_constant=refuse, parse_float=exact)
    return value


def _first_defect(error: ValidationError) -> str:
    defect = error.errors(include_url=False, include_input=False)[0]
    message = defect["msg"].removeprefix("Value error, ")
    name = str(defect["loc"][0]) if defect["loc"] else ""
    return f"{name}: {message[0].lower()}{message[1:]}" if name else message.replace(" or instance of GoldLine", "")


def _from_relation(session: Session, gold: GoldRelation) -> Iterator[GoldEntry]:
    for key, text in evaluations.gold_column(session.db, session.shape, gold):
        yield GoldEntry(f"{gold.relation}, key {', '.join(key)}", key, _column_value(text))


def _column_value(text: str) -> object:
    """A JSON array, object or string as its value; any other text is a label."""
    try:
        value = _parse_json(text.encode())
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list | dict | str) else text


def _refuse_duplicates(entries: Sequence[GoldEntry]) -> None:
    seen: dict[Key, GoldEntry] = {}
    for entry in entries:
        if (first := seen.setdefault(entry.key, entry)) is not entry:
            raise duplicate_error(first, entry)
