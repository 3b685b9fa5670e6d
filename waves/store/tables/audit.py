"""One row per state change: who changed what, the values before and after, and why. Every entry has an actor and a
reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves import exact_json
from waves.fire_report import GivenUpRows
from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from waves.store.connect import Database

MACHINE = "waves"
"""The actor of changes that no person requested."""
NO_REASON = "no reason was given"
_SQL = queries.load("audit.sql")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `fitting`: the number of entries that match the query, shown or not."""

    at: datetime
    run_id: str | None
    actor: str
    entity: str | None
    before: Any
    after: Any
    reason: str | None
    fitting: int


def record(
    db: Database,
    theme_id: str,
    actor: str,
    entity_id: str,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str | None,
    run_id: str | None = None,
) -> None:
    """Writes the entry; to be called inside the transaction that makes the change. `entity_id` is a row's key, a rubric
    version, a wave or a limit."""
    values = {
        "run_id": run_id,
        "theme_id": theme_id,
        "actor": storable(actor),
        "entity_id": storable(entity_id),
        "before": None if before is None else Jsonb(before),
        "after": None if after is None else Jsonb(after),
        "reason": reason_or_default(reason),
    }
    db.execute(_SQL["record"], values)


def reason_or_default(text: str | None) -> str:
    """The reason that a person gave, or `NO_REASON`."""
    return storable(text or "").strip() or NO_REASON


def entries(
    db: Database,
    theme_id: str,
    limit: int,
    *,
    entity: str | None = None,
    run_id: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
) -> list[AuditEntry]:
    """The newest `limit` entries that match, the oldest of them first. The key of a forgotten row also finds the entry
    of its erasure."""
    key = None if entity is None else stored_key(storable(entity))
    entities = None if key is None else [key, forgotten_entity(key)]
    values = {"theme_id": theme_id, "entities": entities, "run_id": run_id, "actor": actor, "since": since}
    found = db.records(AuditEntry, _SQL["entries"], values | {"limit": limit})
    return [replace(entry, before=_value(entry.before), after=_value(entry.after)) for entry in found]


def _value(text: str | None) -> Any:  # noqa: ANN401 - any JSON value
    return None if text is None else exact_json.loads(text)


def given_up_in(db: Database, theme_id: str, run_id: str) -> list[GivenUpRows]:
    """The rows that the run gave up, by reason, the most frequent one first."""
    return db.records(GivenUpRows, _SQL["given_up_in"], {"theme_id": theme_id, "run_id": run_id})


def stored_key(given: str) -> str:
    """An entity key in its stored form. A composite key may be given as any JSON array of texts and whole numbers."""
    try:
        parts = json.loads(given) if given.startswith("[") else None
    except ValueError:
        return given
    if not isinstance(parts, list) or not all(type(part) in {str, int} for part in parts):
        return given
    return json.dumps([str(part) for part in parts], ensure_ascii=False)


def forgotten_entity(entity_key: str) -> str:
    """The entity under which the erasure of a row is audited: a digest, because the key may be personal data."""
    return "sha256:" + hashlib.sha256(entity_key.encode()).hexdigest()
