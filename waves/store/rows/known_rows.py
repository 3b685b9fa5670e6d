"""What is known about rows by their entity keys: the current verdict, and the content. Read-only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from waves import exact_json
from waves.models import Identity
from waves.store import faults, queries
from waves.store.shape import fragments
from waves.store.transactions import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from waves.models import Output
    from waves.store.connect import Database
    from waves.store.shape.shape import Shape

_SQL = queries.load("pilot.sql")
_NO_VERDICT = frozenset({"$confidence", "confidence", "$version", "$model", "$run"})


@dataclass(frozen=True, slots=True)
class PriorVerdict:
    """The current verdict of a row. `version` is None if the target holds a value that no version of ours produced:
    then `output` has the fields that the target has columns for."""

    output: Output = field(hash=False)
    version: str | None


def prior_verdicts(db: Database, shape: Shape, entity_keys: Iterable[str]) -> dict[str, PriorVerdict]:
    """By entity key: the verdict last written to the target; else the newest accepted one; else the target's values."""
    query = sql.SQL(_SQL["old"]).format(held=_target_values(shape), target_join=_target_join(shape))
    values = {"theme": shape.theme_id, "wanted": list(entity_keys)}
    with faults.mapped(), snapshot(db) as connection:
        rows = connection.execute(query, values).fetchall()
    verdicts: dict[str, PriorVerdict] = {}
    for entity_key, output, version, held in rows:
        if output is not None:
            verdicts[entity_key] = PriorVerdict(exact_json.loads(output), version)
        elif target_output := _as_output(exact_json.loads(held) if held else {}):
            verdicts[entity_key] = PriorVerdict(target_output, None)
    return verdicts


def current_inputs(db: Database, shape: Shape, entity_keys: Iterable[str]) -> dict[Identity, dict[str, str | None]]:
    """The present content of rows, by entity key and hash; for a row that changed, not the content that was judged."""
    keys = fragments.equal(fragments.key_of("s", shape), fragments.key_of_entry(shape))
    query = sql.SQL(_SQL["inputs"]).format(
        inputs=fragments.commas(fragments.name("s", each) for each in fragments.numbered("i", shape.input)),
        source_row=fragments.source_row(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=keys,
    )
    names = [column.name for column in shape.input]
    with faults.mapped(), snapshot(db) as connection:
        rows = connection.execute(query, {"wanted": list(entity_keys)}).fetchall()
    return {(key, digest): dict(zip(names, texts, strict=True)) for key, digest, *texts in rows}


def _target_join(shape: Shape) -> sql.Composed:
    if shape.target is None:
        return sql.SQL("").format()
    same = fragments.equal(fragments.target_key(shape), fragments.key_of_entry(shape))
    return sql.SQL("LEFT JOIN {} AS t ON {}").format(fragments.relation(shape.target), same)


def _target_values(shape: Shape) -> sql.Composed:
    """The target's columns for a verdict as a JSON object, by the values that they hold."""
    pairs = (
        sql.SQL("{}, {}").format(fragments.literal(value), fragments.name("t", column.name))
        for value, column in shape.columns
        if value not in _NO_VERDICT
    )
    return sql.SQL("jsonb_build_object({})").format(fragments.commas(pairs))


def _as_output(held: Mapping[str, Any]) -> dict[str, Any]:
    """The target's values in the form of an output; empty if the target holds none."""
    output: dict[str, Any] = {}
    for value, content in held.items():
        if content is None:
            continue
        if value == "$labels":
            output["labels"] = _labels(content)
        elif value == "$label":
            output["labels"] = [content]
        else:
            output[value] = content
    return output


def _labels(content: object) -> list[Any]:
    """The items of a JSON array, given as text or as an array; any other text is a single label."""
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError:
            return [content]
    return content if isinstance(content, list) else [content]
