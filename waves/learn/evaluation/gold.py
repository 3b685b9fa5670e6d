"""Gold: what people say about rows, from `gold.jsonl` in the theme's folder or from a relation that theme.yaml names.

A line is `{"id": …, "label" | "labels" | "output": …}`: the row of that key is read from the source as prepare would
take it. With `"input": {column: text}` it is judged as it stands there, and no table is needed. Messages name the line
or the key, never a row's text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waves.config.rubric import Rubric
from waves.errors import BadDataError
from waves.models import Item
from waves.spool.sealed import canonical
from waves.steps.session.session import Session
from waves.store.rubrics import evaluations

if TYPE_CHECKING:
    from pydantic import ValidationError

FILE_NAME = "gold.jsonl"
SHOWN = 5
"""Ids of missing rows that a report names."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldEntry:
    """One verdict by a person. `where` names it in messages; `input` is None where the row is to be read."""

    where: str
    key: Key
    verdict: object = field(hash=False)
    input: Mapping[str, str | None] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Gold:
    """What there is to ask and what is expected, item by item; `missing` are the keys that the source has no row of.
    `whole`: not cut to a limit."""

    items: tuple[Item, ...]
    entries: tuple[GoldEntry, ...]
    missing: tuple[str, ...] = ()
    whole: bool = True

    @property
    def digest(self) -> str:
        """Of questions and expectations together: results on other gold cannot be compared."""
        known = [[*item.identity, entry.verdict] for item, entry in zip(self.items, self.entries, strict=True)]
        return sha256(canonical(known)).hexdigest()

    def expected(self, rubric: Rubric) -> list[dict[str, Any]]:
        """What the rubric should say about each item, in its fields. BadDataError for what it cannot say."""
        return [_expected(entry, rubric) for entry in self.entries]

    def first(self, limit: int | None) -> Gold:
        whole = limit is None or limit >= len(self.items)
        return Gold(self.items[:limit], self.entries[:limit], self.missing, whole)


def gather(session: Session) -> Gold:
    """All gold of the theme, in an order that depends on the keys alone and mixes the labels: neighbours in a batch are
    as strange to each other as the rows of a wave. BadDataError where nothing is left to ask."""
    path = session.theme.folder / FILE_NAME
    if session.theme.gold is not None:
        entries = _from_relation(session)
        place = f"{session.theme.gold.relation}.{session.theme.gold.column}"
    elif path.is_file():
        entries, place = list(_from_file(path)), str(path)
    else:
        raise BadDataError(
            f"theme {session.theme.theme_id} has no gold",
            f"Write {path}, or name a relation under `gold` in theme.yaml; docs/evaluation.md shows both.",
        )
    _refuse_twins(entries)
    pairs, missing = _with_items(session, entries)
    if not pairs:
        lost = f": none of its {len(missing)} rows is in the source" if missing else " and is empty"
        raise BadDataError(f"{place} holds no gold that can be asked{lost}", "Give lines whose rows exist.")
    pairs.sort(key=lambda pair: sha256(pair[0].entity_key.encode()).digest())
    return Gold(tuple(item for item, _ in pairs), tuple(entry for _, entry in pairs), tuple(missing))


def _from_file(path: Path) -> Iterator[GoldEntry]:
    from pydantic import ValidationError

    from waves.learn.evaluation.gold_file import GoldLine

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadDataError(f"cannot read {path}: {error.strerror}", "Check the path and its rights.") from error
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            found = GoldLine.model_validate(_json(line))
        except ValidationError as error:
            raise BadDataError(f"{where}: {_first_defect(error)}", "docs/evaluation.md shows a line.") from None
        except (ValueError, RecursionError):
            raise BadDataError(f"{where}: this is not JSON in UTF-8", "Each line is one object; mend it.") from None
        yield GoldEntry(where, found.key, found.verdict, found.input)


def _json(line: bytes) -> object:
    """Strict: without NaN and infinities."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    value: object = json.loads(line, parse_constant=refuse)
    return value


def _first_defect(error: ValidationError) -> str:
    defect = error.errors(include_url=False, include_input=False)[0]
    said = defect["msg"].removeprefix("Value error, ")
    name = str(defect["loc"][0]) if defect["loc"] else ""
    return f"{name}: {said[0].lower()}{said[1:]}" if name else said.replace(" or instance of GoldLine", "")


def _from_relation(session: Session) -> list[GoldEntry]:
    gold = session.theme.gold
    assert gold is not None  # noqa: S101 - the caller looked
    return [
        GoldEntry(f"{gold.relation}, key {', '.join(key)}", key, _column_value(text))
        for key, text in evaluations.gold_column(session.db, session.shape, gold)
    ]


def _column_value(text: str) -> object:
    """A JSON array, object or string as what it says; any other text is a label."""
    try:
        value: object = _json(text.encode())
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list | dict | str) else text


def _refuse_twins(entries: Iterable[GoldEntry]) -> None:
    seen: dict[Key, GoldEntry] = {}
    for entry in entries:
        if (other := seen.setdefault(entry.key, entry)) is not entry:
            raise _twins(other, entry)


def _twins(one: GoldEntry, other: GoldEntry) -> BadDataError:
    return BadDataError(f"{other.where}: this id stands already at {one.where}", "Keep one of the two.")


def _with_items(session: Session, entries: Sequence[GoldEntry]) -> tuple[list[tuple[Item, GoldEntry]], list[str]]:
    """The entries with their items, and the ids whose row is not in the source."""
    pairs = [(_own_item(session, entry), entry) for entry in entries if entry.input is not None]
    of_rows = [entry for entry in entries if entry.input is None]
    if not of_rows:
        return pairs, []
    width = len(session.theme.source.key)
    for entry in of_rows:
        if len(entry.key) != width:
            raise BadDataError(
                f"{entry.where}: its id has {len(entry.key)} values, but source.key has {width} columns",
                f"Give a value for each of {', '.join(session.theme.source.key)}, as a list where they are several.",
            )
    rows = evaluations.rows_by_key(session.db, session.shape, [entry.key for entry in of_rows])
    seen: dict[str, GoldEntry] = {}
    for number, item in sorted(rows.items()):
        if (other := seen.setdefault(item.entity_key, of_rows[number])) is not of_rows[number]:
            raise _twins(other, of_rows[number])  # `1` and `01` are one number to PostgreSQL
    missing = [", ".join(entry.key) for number, entry in enumerate(of_rows) if number not in rows]
    return [*pairs, *((rows[number], of_rows[number]) for number in sorted(rows))], missing


def _own_item(session: Session, entry: GoldEntry) -> Item:
    columns, given = session.theme.source.input, entry.input or {}
    foreign = sorted(set(given) - set(columns))
    if foreign:
        raise BadDataError(
            f"{entry.where}: input has {foreign[0]!r}, which source.input lacks", f"Inputs: {', '.join(columns)}."
        )
    texts = {column: given.get(column) for column in columns}
    key = entry.key[0] if len(entry.key) == 1 else json.dumps(list(entry.key), ensure_ascii=False)
    return Item(key, sha256(canonical(list(texts.values()))).hexdigest(), texts)


def _expected(entry: GoldEntry, rubric: Rubric) -> dict[str, Any]:
    verdict = entry.verdict
    if rubric.kind == "extract":
        return _fields(entry, rubric)
    if isinstance(verdict, dict) and verdict.keys() <= {"labels", "confidence"}:
        verdict = verdict.get("labels")
    labels = [verdict] if isinstance(verdict, str) else verdict
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise BadDataError(f"{entry.where}: this is neither a label nor a list of labels", "Give `label` or `labels`.")
    unknown = [label for label in labels if label not in rubric.labels]
    if unknown:
        raise BadDataError(
            f"{entry.where}: unknown label {unknown[0]!r}",
            f"Labels of rubric {rubric.version}: {', '.join(rubric.labels)}.",
        )
    if not rubric.multi and len(set(labels)) != 1:
        raise BadDataError(
            f"{entry.where}: {len(set(labels))} labels, but rubric {rubric.version} gives exactly one",
            "Give one label, or say `multi: true` in the rubric.",
        )
    return {"labels": [label for label in rubric.labels if label in labels]}


def _fields(entry: GoldEntry, rubric: Rubric) -> dict[str, Any]:
    known = [name for name in rubric.schema["properties"] if name != "confidence"]
    if not isinstance(entry.verdict, dict) or not entry.verdict:
        raise BadDataError(f"{entry.where}: this is no object of fields", f"Give `output` with some of {known}.")
    unknown = sorted(set(entry.verdict) - set(known))
    if unknown:
        raise BadDataError(
            f"{entry.where}: unknown field {unknown[0]!r}", f"Fields of rubric {rubric.version}: {', '.join(known)}."
        )
    return dict(entry.verdict)
