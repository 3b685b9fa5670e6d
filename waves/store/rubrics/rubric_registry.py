"""The rubric versions of a theme, the active one, and the number of rows that a version may touch: the gate.

Versions are never compared by their names: a version is newer only if it was registered later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from waves import exact_json
from waves.errors import ConfigurationError
from waves.store import queries
from waves.store.tables import audit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from waves.config.rubric import Rubric
    from waves.store.connect import Database

Decider = tuple[str, str | None]
"""Who, and why."""
BY_ITSELF: Decider = (audit.MACHINE, "the first version of the theme")
UNLIMITED = 2**63 - 1
"""`approved_rows` of a version that may touch any number of rows."""

_SQL = queries.load("rubric_registry.sql")


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version as the database stores it. `text` is the rubric file; `approved_rows` and `approved_by` are None if it
    was never approved, `approved_rows` is `UNLIMITED` if it was approved without a limit; `created_by` is None if a
    fire registered it."""

    version: str
    text: str
    approved_rows: int | None
    approved_by: str | None
    created_at: datetime
    created_by: str | None
    input_columns: list[str]

    def rows_for(self, input_columns: Sequence[str]) -> int | None:
        """`approved_rows` if the approval was for these columns, else None: other columns are other questions."""
        return self.approved_rows if self.input_columns == list(input_columns) else None


@dataclass(frozen=True, slots=True)
class VersionChange:
    """The version that was active before, None for none, and the one that is active now."""

    before: str | None
    after: str


def ensure_theme(db: Database, theme_id: str) -> None:
    """Creates the theme's row if it is missing. Everything else of a theme refers to it."""
    db.execute(_SQL["ensure_theme"], {"theme_id": theme_id})


def register(
    db: Database,
    theme_id: str,
    rubric: Rubric,
    input_columns: Sequence[str],
    *,
    by: str | None = None,
    first: Decider = BY_ITSELF,
) -> RegisteredVersion:
    """The version of `rubric`, entered if it is new; an earlier entry stays as it is. The first version of a theme
    becomes active at once, decided by `first`; a later one only by `activate`. `by` is None if a fire registers it."""
    values = {
        "theme_id": theme_id,
        "version": rubric.version,
        "prompt": rubric.text,
        "schema": Jsonb(dict(rubric.schema), dumps=exact_json.dumps),
        "input_columns": Jsonb(list(input_columns)),
        "by": by,
    }
    with db.transaction():
        ensure_theme(db, theme_id)
        before = _lock(db, theme_id)
        db.execute(_SQL["register"], values)
        if before is None:
            _set_active(db, theme_id, None, rubric.version, *first)
    return _require_registered(db, theme_id, rubric.version)


def active(db: Database, theme_id: str) -> RegisteredVersion | None:
    return db.record(RegisteredVersion, _SQL["active"], {"theme_id": theme_id})


def find(db: Database, theme_id: str, version: str) -> RegisteredVersion | None:
    return db.record(RegisteredVersion, _SQL["find"], {"theme_id": theme_id, "version": version})


def history(db: Database, theme_id: str) -> list[RegisteredVersion]:
    """All versions, in the order of their registration."""
    return db.records(RegisteredVersion, _SQL["history"], {"theme_id": theme_id})


def activate(db: Database, theme_id: str, version: str, actor: str, reason: str | None) -> VersionChange:
    """Activates `version`; does nothing if it is active. ConfigurationError for an unknown version."""
    with db.transaction():
        before = _lock(db, theme_id)
        _require_registered(db, theme_id, version)
        if before != version:
            _set_active(db, theme_id, before, version, actor, reason)
    return VersionChange(before, version)


def rollback(db: Database, theme_id: str, actor: str, reason: str | None) -> VersionChange:
    """Activates the version that was active before the present one. ConfigurationError if there was none."""
    with db.transaction():
        now = _lock(db, theme_id)
        before: str | None = db.scalar(_SQL["active_before"], {"theme_id": theme_id, "version": now})
        if before is None:
            raise ConfigurationError(
                f"the theme {theme_id} had no active rubric version before {now or 'now'}",
                f"`wave rubrics list {theme_id}` shows its versions.",
            )
        _set_active(db, theme_id, now, before, actor, reason)
    return VersionChange(now, before)


def approve(
    db: Database,
    theme_id: str,
    version: str,
    by: str,
    max_rows: int | None,
    reason: str | None,
    input_columns: Sequence[str],
) -> None:
    """Lets `version` touch `max_rows` rows in total, any number if None, as long as it judges these columns.
    ConfigurationError for an unknown version."""
    rows, columns = UNLIMITED if max_rows is None else max_rows, list(input_columns)
    with db.transaction():
        _lock(db, theme_id)
        before = _require_registered(db, theme_id, version)
        values = {"theme_id": theme_id, "version": version, "rows": rows, "by": by, "input_columns": Jsonb(columns)}
        db.execute(_SQL["approve"], values)
        moved = before.input_columns != columns
        audit.record(
            db,
            theme_id,
            by,
            version,
            before={"approved_rows": _rows_in_words(before.approved_rows), "approved_by": before.approved_by}
            | ({"input_columns": before.input_columns} if moved else {}),
            after={"approved_rows": _rows_in_words(rows), "approved_by": by}
            | ({"input_columns": columns} if moved else {}),
            reason=reason,
        )


def rows_left(
    db: Database, theme_id: str, version: str, without_approval: int, input_columns: Sequence[str]
) -> int | None:
    """The number of rows that waves of `version` may still take, None for no limit. Every item that a wave of the
    version was opened with counts, in any state; an approval holds for the columns that it was given for."""
    approved = _require_registered(db, theme_id, version).rows_for(input_columns)
    if approved == UNLIMITED:
        return None
    emitted: int = db.scalar(_SQL["emitted"], {"theme_id": theme_id, "version": version})
    return max(0, (without_approval if approved is None else approved) - emitted)


def _rows_in_words(rows: int | None) -> int | str | None:
    return "any" if rows == UNLIMITED else rows


def _lock(db: Database, theme_id: str) -> str | None:
    """The active version; no other transaction activates, approves or registers until this one ends."""
    version: str | None = db.scalar(_SQL["lock"], {"theme_id": theme_id})
    return version


def _require_registered(db: Database, theme_id: str, version: str) -> RegisteredVersion:
    registered = find(db, theme_id, version)
    if registered is None:
        known = ", ".join(other.version for other in history(db, theme_id)) or "none"
        raise ConfigurationError(
            f"the theme {theme_id} has no rubric version {version}",
            f"known versions: {known}; `wave pilot {theme_id}` registers the newest file as it is now",
        )
    return registered


def _set_active(db: Database, theme_id: str, before: str | None, after: str, actor: str, reason: str | None) -> None:
    db.execute(_SQL["activate"], {"theme_id": theme_id, "version": after})
    audit.record(
        db,
        theme_id,
        actor,
        after,
        before={"active_version": before},
        after={"active_version": after},
        reason=reason,
    )
