"""The `wave` rows: at most one of a theme is open (submitted and held included), on any host.

`closed` and `abandoned` are final states.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from waves.errors import LockedError
from waves.store import queries
from waves.store.tables import audit
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from waves.models import Counts, Manifest, WaveKind, WaveState
    from waves.store.connect import Database

_SQL = queries.load("waves.sql")


@dataclass(frozen=True, slots=True)
class WaveRow:
    """`counts` has the fields of `models.Counts`, as they were last written."""

    wave_id: str
    theme_id: str
    rubric_version: str
    kind: WaveKind
    host: str
    counts: Mapping[str, Any]
    state: WaveState
    reason: str | None
    opened_at: datetime


def current(db: Database, theme_id: str) -> WaveRow | None:
    """The theme's wave that is open, submitted or held."""
    return db.record(WaveRow, _SQL["current"], {"theme_id": theme_id})


def open_wave(db: Database, manifest: Manifest, host: str) -> None:
    """Enters the wave of `manifest`; does nothing if it is entered already. LockedError if the theme has another one
    open."""
    values = {
        "wave_id": manifest.wave_id,
        "theme_id": manifest.theme_id,
        "version": manifest.rubric_version,
        "kind": manifest.kind,
        "host": host,
        "counts": Jsonb({"emitted": len(manifest.items), "missing": len(manifest.items)}),
    }
    with db.transaction():
        db.execute(_SQL["open"], values)
        other = current(db, manifest.theme_id)
    if other is None or other.wave_id != manifest.wave_id:
        which = f"{other.wave_id}, on host {other.host}" if other else "closed meanwhile"
        raise LockedError(
            f"the theme {manifest.theme_id} has another wave: {which}",
            f"`wave fire {manifest.theme_id}` continues it on its own host; "
            f"`wave takeover {manifest.theme_id} --by NAME` abandons it",
        )


def set_state(db: Database, wave_id: str, state: WaveState, reason: str | None, counts: Counts | None) -> bool:
    """Sets the state of an open wave; a change of state is audited, new counts replace the old ones. False if the wave
    is final or unknown: then nothing is written."""
    return _change(db, wave_id, state, reason, actor=audit.MACHINE, run_id=None, counts=counts)


def abandon(db: Database, wave_id: str, actor: str, reason: str | None, run_id: str | None = None) -> bool:
    """Ends an open wave without a merge; audited. False if it was final already or is unknown."""
    return _change(db, wave_id, "abandoned", reason, actor=actor, run_id=run_id, counts=None)


def state(db: Database, wave_id: str) -> WaveState | None:
    """None if the database does not know the wave."""
    known: WaveState | None = db.scalar(_SQL["state"], {"wave_id": wave_id})
    return known


def closed(db: Database, wave_id: str) -> bool:
    """Whether the wave was collected. An abandoned wave was not: what it paid for may still enter history."""
    return state(db, wave_id) == "closed"


def closed_before(db: Database, theme_id: str, days: int) -> list[str]:
    """The waves that were collected more than `days` days ago: those whose folders may go."""
    rows = db.execute(_SQL["closed_before"], {"theme_id": theme_id, "days": days})
    return [wave_id for (wave_id,) in rows]


def _change(
    db: Database,
    wave_id: str,
    after: WaveState,
    reason: str | None,
    *,
    actor: str,
    run_id: str | None,
    counts: Counts | None,
) -> bool:
    values = {
        "wave_id": wave_id,
        "state": after,
        "reason": None if reason is None else storable(reason),
        "counts": None if counts is None else Jsonb(asdict(counts)),
    }
    with db.transaction():
        row = db.execute(_SQL["lock_open"], {"wave_id": wave_id}).fetchone()
        if row is None:
            return False
        theme_id, before = row
        db.execute(_SQL["change"], values)
        if before != after:
            states = ({"state": before}, {"state": after})
            audit.record(db, theme_id, actor, wave_id, before=states[0], after=states[1], reason=reason, run_id=run_id)
    return True
