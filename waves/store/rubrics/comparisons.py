"""The verdicts of two rubric versions on the same content of the same rows, and the record of a comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves import exact_json
from waves.models import Identity
from waves.store import faults, queries
from waves.store.transactions import snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping

    from waves.models import Output
    from waves.store.connect import Database

_SQL = queries.load("comparison.sql")
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Pair:
    """A row that both versions judged with the same content."""

    entity_key: str
    input_hash: str
    old: Output = field(hash=False)
    new: Output = field(hash=False)


def pairs(db: Database, theme_id: str, old: str, new: str) -> Generator[Pair]:
    """All pairs, by entity key, one for each row; a few at a time are in memory. Read to the end, or close it."""
    values = {"theme": theme_id, "old": old, "new": new}
    with faults.mapped(), snapshot(db) as connection, connection.cursor(name="wave_pairs") as cursor:
        cursor.execute(_SQL["pairs"], values)
        while rows := cursor.fetchmany(_CHUNK):
            yield from (
                Pair(key, digest, exact_json.loads(old_output), exact_json.loads(new_output))
                for key, digest, old_output, new_output in rows
            )


def accepted_outputs(
    db: Database, theme_id: str, version: str, identities: Collection[Identity]
) -> dict[Identity, Output]:
    """The accepted verdicts of the version on these contents."""
    keys, hashes = [key for key, _ in identities], [digest for _, digest in identities]
    values = {"theme": theme_id, "version": version, "keys": keys, "hashes": hashes}
    return {(key, digest): exact_json.loads(output) for key, digest, output in db.execute(_SQL["outputs"], values)}


def store_comparison(
    db: Database,
    theme_id: str,
    old: str,
    new: str,
    *,
    compared: int,
    flips: int,
    whole: bool,
    report: Mapping[str, Any],
) -> int:
    """Stores the result of a comparison, which the gate of a later activation reads. `whole`: on all rows that both
    versions have judged. `report` holds no row's text. → its id."""
    values = {"theme": theme_id, "old": old, "new": new, "compared": compared, "flips": flips, "whole": whole}
    return int(db.scalar(_SQL["record"], {**values, "report": Jsonb(report)}))
