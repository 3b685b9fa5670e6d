"""Erases what the schema `waves` holds of one row of a theme: its verdicts, its audit entries, the feedback on it, and
the places in reasons and reports that name it. The erasure itself is audited, under a digest of the key and without
content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg import Rollback
from psycopg.types.json import Jsonb

from waves.store import queries
from waves.store.tables import audit
from waves.store.text import printable_key

if TYPE_CHECKING:
    from waves.store.connect import Database

_SQL = queries.load("forget.sql")
BLANK = "(named a row that was forgotten)"
_NOTES = ("answers", "wave_reasons", "run_reasons", "audit_reasons")


@dataclass(frozen=True, slots=True)
class RowToForget:
    """A row, with what the files on this host add to what its verdicts know: more waves that held it, more calls that
    asked for it, and its own texts."""

    theme_id: str
    entity_key: str
    wave_ids: frozenset[str] = frozenset()
    call_ids: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who erases, why, and in which run: for the audit entry."""

    by: str
    reason: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Traces:
    """The number of traces of each kind. `notes` are reasons that named the row, and answers about it that were stored
    with other rows; `reports` are evaluations, comparisons and proposals that showed it."""

    verdicts: int = 0
    audit_entries: int = 0
    feedback: int = 0
    notes: int = 0
    reports: int = 0

    @property
    def any(self) -> bool:
        return any(asdict(self).values())


def erase(db: Database, row: RowToForget, attribution: Attribution, *, dry_run: bool) -> Traces:
    """Erases and audits in one transaction, which a dry run rolls back. If nothing is left and the erasure is already
    audited, no second entry is written."""
    traces = Traces()
    with db.transaction():
        traces = _erase(db, row)
        if dry_run:
            raise Rollback
        if traces.any or not _is_recorded(db, row):
            record_forgotten(db, row, asdict(traces), attribution)
    return traces


def spellings(entity_key: str) -> list[str]:
    """The forms in which a reason may name the row."""
    return sorted({entity_key, printable_key(entity_key)})


def waves_of(db: Database, theme_id: str, entity_key: str) -> frozenset[str]:
    """The waves that settled the row, as far as its verdicts show."""
    rows = db.execute(_SQL["waves"], {"theme_id": theme_id, "key": entity_key})
    return frozenset(wave_id for (wave_id,) in rows)


def record_forgotten(db: Database, row: RowToForget, counts: dict[str, int], attribution: Attribution) -> None:
    """Audits that the row was forgotten, by whom and why, with the number of traces of each kind."""
    audit.record(
        db,
        row.theme_id,
        attribution.by,
        audit.forgotten_entity(row.entity_key),
        before=None,
        after={"state": "forgotten", **counts},
        reason=attribution.reason,
        run_id=attribution.run_id,
    )


def other_hosts(db: Database, theme_id: str, host: str) -> list[str]:
    """Hosts that had waves of the theme: only they can erase what is on their disks."""
    rows = db.execute(_SQL["other_hosts"], {"theme_id": theme_id, "host": host})
    return [name for (name,) in rows]


def _erase(db: Database, row: RowToForget) -> Traces:
    values: dict[str, Any] = {"theme_id": row.theme_id, "key": row.entity_key, "blank": BLANK}
    values |= {"named": _mention_pattern(row.entity_key), "parts": _key_parts(row.entity_key)}
    verdicts, wave_ids, call_ids = db.execute(_SQL["verdicts"], values).fetchone() or (0, [], [])
    values |= {"waves": sorted(row.wave_ids.union(wave_ids)), "calls": sorted(row.call_ids.union(call_ids))}
    db.execute(_SQL["drift_cursor"], values)  # not counted: a position to continue from says nothing about the row
    return Traces(
        verdicts=verdicts,
        audit_entries=db.execute(_SQL["audit_entries"], values).rowcount,
        feedback=db.execute(_SQL["feedback"], values).rowcount,
        notes=sum(db.execute(_SQL[note], values).rowcount for note in _NOTES),
        reports=_rewrite_reports(db, row),
    )


def _mention_pattern(entity_key: str) -> str:
    """A PostgreSQL regular expression for the key as a word of its own, in each spelling."""
    return f"(^|[^[:alnum:]_])({'|'.join(map(re.escape, spellings(entity_key)))})($|[^[:alnum:]_])"


def _key_parts(entity_key: str) -> list[str]:
    """The values of a key: a composite key holds its values as a JSON array."""
    try:
        values = json.loads(entity_key) if entity_key.startswith("[") else None
    except ValueError:
        values = None
    return [str(value) for value in values] if isinstance(values, list) else [entity_key]


def _rewrite_reports(db: Database, row: RowToForget) -> int:
    """Returns the number of reports that showed the row."""

    def about(text: str) -> bool:
        return text == row.entity_key or any(own in text for own in row.texts)

    changed = 0
    for kind, number, report in db.execute(_SQL["reports"], {"theme_id": row.theme_id}).fetchall():
        left = without(report, about)
        if left != report:
            db.execute(_SQL[f"rewrite_{kind}"], {"id": number, "left": Jsonb(left)})
            changed += 1
    return changed


def without(value: Any, about: Callable[[str], bool]) -> Any:  # noqa: ANN401 - any JSON value
    """`value` without what is about the row: texts, objects with such a text, and what is stored under its key."""
    match value:
        case dict():
            return {k: without(each, about) for k, each in value.items() if not (about(k) or _mentions(each, about))}
        case list():
            return [without(each, about) for each in value if not _mentions(each, about)]
        case _:
            return value


def _mentions(value: Any, about: Callable[[str], bool]) -> bool:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return about(value)
        case dict():
            return any(isinstance(each, str) and about(each) for each in value.values())
        case _:
            return False


def _is_recorded(db: Database, row: RowToForget) -> bool:
    values = {"theme_id": row.theme_id, "forgotten": audit.forgotten_entity(row.entity_key)}
    return db.execute(_SQL["recorded"], values).fetchone() is not None
