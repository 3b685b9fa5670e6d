"""What is known about items that were not accepted: failed, refused or quarantined. `merge` writes the accepted ones.

A failure never replaces `accepted`, except for a row whose target was cleared: the open wave that asks about it again
counts its attempts, and settles it once they are used up. A failed row has no wave until its item is released in one:
until then the open wave may ask about the item again. Refused and quarantined rows are settled at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves.models import Identity
from waves.store import queries
from waves.store.tables import audit
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from waves.models import VerdictState
    from waves.store.connect import Database

_SQL = queries.load("verdicts.sql")


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that an answer did not settle. `raw` is the answer's text if there is one, kept for inspection;
    `attempts_to_add` is 0 if the item is not to blame."""

    entity_key: str
    input_hash: str
    reason: str
    raw: str | None
    call_id: str
    attempts_to_add: int = 1


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An item that was not accepted, and why."""

    entity_key: str
    input_hash: str
    state: VerdictState
    attempts: int
    reason: str | None


def charge(
    db: Database,
    theme_id: str,
    wave_id: str | None,
    version: str,
    failures: Iterable[Failure],
    max_attempts: int,
    run_id: str | None = None,
) -> dict[Identity, tuple[VerdictState, int]]:
    """Adds one attempt of this run to the items of `failures`; an item that reaches `max_attempts` is quarantined in
    `wave_id`, and audited. Returns the state and attempts of each item, including those that were settled before and
    stay as they are."""
    limit = {"settled": "quarantined", "max_attempts": max_attempts}
    return _enter(db, theme_id, wave_id, version, failures, limit, run_id)


def refuse(
    db: Database,
    theme_id: str,
    wave_id: str | None,
    version: str,
    failures: Iterable[Failure],
    run_id: str | None = None,
) -> dict[Identity, tuple[VerdictState, int]]:
    """Records that the provider refuses these items: final for this version and content, and audited. Returns as
    `charge` does."""
    limit = {"settled": "refused", "max_attempts": 0}
    return _enter(db, theme_id, wave_id, version, failures, limit, run_id)


def release(db: Database, wave_id: str, items: Iterable[Identity], reason: str, run_id: str | None = None) -> None:
    """Returns items of the wave to the gap, audited; state and attempts stay as they are. An accepted item can be among
    them: its target was cleared, so it was asked about again, and no answer came. Refused and quarantined ones stay."""
    if given := _identities(items):
        values = {"wave_id": wave_id, "items": Jsonb(given), "reason": storable(reason), "run_id": run_id}
        db.execute(_SQL["release"], values)


@dataclass(frozen=True, slots=True)
class Tried:
    """The attempts of an item that failed; `waiting`: its pause is not over."""

    attempts: int
    waiting: bool


def tried_items(db: Database, theme_id: str, version: str, items: Iterable[Identity]) -> dict[Identity, Tried]:
    """Those of the items that failed before, or since their target was cleared."""
    values = {"theme_id": theme_id, "version": version, "items": Jsonb(_identities(items))}
    rows = db.execute(_SQL["attempts"], values)
    return {(key, digest): Tried(attempts, bool(waiting)) for key, digest, attempts, waiting in rows}


def given_up_at_once(db: Database, wave_id: str) -> int:
    """How many items of the wave were given up the first time they failed."""
    return int(db.scalar(_SQL["given_up_at_once"], {"wave_id": wave_id}))


def next_retry(db: Database, theme_id: str, version: str) -> datetime | None:
    """When the first pause of a failed row ends; None if none waits."""
    ends: datetime | None = db.scalar(_SQL["next_retry"], {"theme_id": theme_id, "version": version})
    return ends


def end_pauses(db: Database, theme_id: str, version: str, items: Iterable[Identity]) -> None:
    """Items that failed before may be asked again at once."""
    if given := _identities(items):
        db.execute(_SQL["end_pauses"], {"theme_id": theme_id, "version": version, "items": Jsonb(given)})


def judged_count(db: Database, theme_id: str, version: str, most: int) -> int:
    """How many items the version has settled, counted up to `most`."""
    return int(db.scalar(_SQL["judged_at_least"], {"theme_id": theme_id, "version": version, "most": most}))


def give_up(db: Database, wave_id: str, items: Iterable[Identity], by: str, run_id: str) -> None:
    """A person takes those items of the wave that failed out of the gap, each with its last reason; audited."""
    values = {"wave_id": wave_id, "items": Jsonb(_identities(items)), "by": storable(by), "run_id": run_id}
    db.execute(_SQL["give_up"], values)


def _identities(items: Iterable[Identity]) -> list[dict[str, str]]:
    return [{"entity_key": key, "input_hash": digest} for key, digest in dict.fromkeys(items)]


def settled_items(db: Database, wave_id: str) -> dict[Identity, VerdictState]:
    """The wave's items that are settled without a part, by state: `failed` and `accepted` ones are released."""
    rows = db.execute(_SQL["settled"], {"wave_id": wave_id})
    return {(key, digest): state for key, digest, state in rows}


def given_up(db: Database, theme_id: str, version: str, keys: Sequence[str] | None) -> list[GivenUp]:
    """Items of this version that are failed, refused or quarantined: those with these keys, or all."""
    values = {"theme_id": theme_id, "version": version, "keys": None if keys is None else list(keys)}
    return db.records(GivenUp, _SQL["given_up"], values)


def retry(
    db: Database, theme_id: str, version: str, keys: Sequence[str] | None, *, by: str, reason: str
) -> list[GivenUp]:
    """Returns those items to the gap with no attempt used, audited. Returns the items as they were before."""
    values = {"theme_id": theme_id, "version": version, "keys": None if keys is None else list(keys)}
    texts = {"by": storable(by), "reason": audit.reason_or_default(reason)}
    return db.records(GivenUp, _SQL["retry"], {**values, **texts})


def _enter(
    db: Database,
    theme_id: str,
    wave_id: str | None,
    version: str,
    failures: Iterable[Failure],
    limit: Mapping[str, Any],
    run_id: str | None,
) -> dict[Identity, tuple[VerdictState, int]]:
    given = _merged(failures)
    if not given:
        return {}
    values = {
        "theme_id": theme_id,
        "wave_id": wave_id,
        "version": version,
        "run_id": run_id,
        "failures": Jsonb(given),
    }
    rows = db.execute(_SQL["enter"], {**values, **limit})
    return {(key, digest): (state, attempts) for key, digest, state, attempts in rows}


def _merged(failures: Iterable[Failure]) -> list[dict[str, Any]]:
    """One entry per item: it is one attempt, however many requests failed; the last reason counts."""
    entries: dict[Identity, dict[str, Any]] = {}
    for failure in failures:
        identity = (failure.entity_key, failure.input_hash)
        before = entries[identity]["attempts"] if identity in entries else 0
        entries[identity] = {
            "entity_key": failure.entity_key,
            "input_hash": failure.input_hash,
            "reason": storable(failure.reason),
            "raw": None if failure.raw is None else storable(failure.raw),
            "call_id": failure.call_id,
            "attempts": max(before, failure.attempts_to_add),
        }
    return list(entries.values())
