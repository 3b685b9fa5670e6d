"""Erase what the schema `waves` holds of one row of a theme: its verdicts, its audit entries, the feedback on it, and
where reasons and reports name it. That it was forgotten is recorded under a digest of its key, without content.
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
from waves.store.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from waves.store.connect import Database

_SQL = queries.load("forget.sql")
BLANK = "(named a row that was forgotten)"
_NOTES = ("answers", "wave_reasons", "run_reasons", "audit_reasons")


@dataclass(frozen=True, slots=True)
class Traces:
    """How much there was. `notes` are reasons that named the row, and answers about it that stood with other rows;
    `reports` are evaluations, comparisons and proposals that showed it."""

    verdicts: int = 0
    audit_entries: int = 0
    feedback: int = 0
    notes: int = 0
    reports: int = 0

    @property
    def any(self) -> bool:
        return any(asdict(self).values())


def erase(
    db: Database,
    theme_id: str,
    entity_key: str,
    *,
    waves: Iterable[str],
    texts: Iterable[str],
    calls: Iterable[str],
    by: str,
    reason: str,
    run_id: str,
    dry_run: bool,
) -> Traces:
    """One transaction, with its record; taken back where it is a dry run. `waves` are known to have held the row beside
    those of its verdicts, `calls` to have asked for it; `texts` are the row's own. Nothing is recorded twice where
    nothing is left."""
    found = Traces()
    with db.transaction():
        found = _erase(db, theme_id, entity_key, set(waves), set(calls), frozenset(texts))
        if dry_run:
            raise Rollback
        if found.any or not _recorded(db, theme_id, entity_key):
            record(db, theme_id, entity_key, asdict(found), by=by, reason=reason, run_id=run_id)
    return found


def spellings(entity_key: str) -> list[str]:
    """How a reason may name the row."""
    return sorted({entity_key, shown(entity_key)})


def waves_of(db: Database, theme_id: str, entity_key: str) -> frozenset[str]:
    """The waves that settled the row, as far as its verdicts tell."""
    rows = db.execute(_SQL["waves"], {"theme_id": theme_id, "key": entity_key})
    return frozenset(wave_id for (wave_id,) in rows)


def record(
    db: Database, theme_id: str, entity_key: str, counts: dict[str, int], *, by: str, reason: str, run_id: str
) -> None:
    """That the row was forgotten, by whom and why."""
    name = audit.forgotten_as(entity_key)
    after = {"state": "forgotten", **counts}
    audit.record(db, theme_id, by, name, before=None, after=after, reason=reason, run_id=run_id)


def other_hosts(db: Database, theme_id: str, host: str) -> list[str]:
    """Hosts that had waves of the theme: what lies on their disks only they can erase."""
    rows = db.execute(_SQL["other_hosts"], {"theme_id": theme_id, "host": host})
    return [name for (name,) in rows]


def _erase(
    db: Database, theme_id: str, entity_key: str, waves: set[str], calls: set[str], texts: frozenset[str]
) -> Traces:
    names: dict[str, Any] = {"theme_id": theme_id, "key": entity_key, "parts": _parts(entity_key), "blank": BLANK}
    names["named"] = f"(^|[^[:alnum:]_])({'|'.join(map(re.escape, spellings(entity_key)))})($|[^[:alnum:]_])"
    row = db.execute(_SQL["verdicts"], names).fetchone()
    verdicts, held, asked = row or (0, [], [])
    names["waves"], names["calls"] = sorted(waves | set(held)), sorted(calls | set(asked))
    db.execute(_SQL["drift_cursor"], names)  # a place to go on from: nothing that was known of the row
    return Traces(
        verdicts=verdicts,
        audit_entries=db.execute(_SQL["audit_entries"], names).rowcount,
        feedback=db.execute(_SQL["feedback"], names).rowcount,
        notes=sum(db.execute(_SQL[note], names).rowcount for note in _NOTES),
        reports=_rewrite_reports(db, theme_id, entity_key, texts),
    )


def _rewrite_reports(db: Database, theme_id: str, entity_key: str, texts: frozenset[str]) -> int:
    def about(text: str) -> bool:
        return text == entity_key or any(own in text for own in texts)

    changed = 0
    for kind, number, report in db.execute(_SQL["reports"], {"theme_id": theme_id}).fetchall():
        left = without(report, about)
        if left != report:
            db.execute(_SQL[f"rewrite_{kind}"], {"id": number, "left": Jsonb(left)})
            changed += 1
    return changed


def without(value: Any, about: Callable[[str], bool]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """`value` without what is about the row: texts, objects of which one text is, and what stands under its key."""
    match value:
        case dict():
            return {k: without(each, about) for k, each in value.items() if not (about(k) or _speaks(each, about))}
        case list():
            return [without(each, about) for each in value if not _speaks(each, about)]
        case _:
            return value


def _speaks(value: Any, about: Callable[[str], bool]) -> bool:  # noqa: ANN401 - whatever JSON holds
    match value:
        case str():
            return about(value)
        case dict():
            return any(isinstance(each, str) and about(each) for each in value.values())
        case _:
            return False


def _parts(entity_key: str) -> list[str]:
    """The values of a key: those of a composite one stand in it as a JSON array."""
    try:
        found = json.loads(entity_key) if entity_key.startswith("[") else None
    except ValueError:
        found = None
    return [str(part) for part in found] if isinstance(found, list) else [entity_key]


def _recorded(db: Database, theme_id: str, entity_key: str) -> bool:
    values = {"theme_id": theme_id, "forgotten": audit.forgotten_as(entity_key)}
    return db.execute(_SQL["recorded"], values).fetchone() is not None
