"""The gate: a version that nobody approved for the columns it judges may touch a few rows, and a pilot of it waits.

Every surface comes by here, because every wave is opened and gone on with by the same steps.
"""

from __future__ import annotations

from waves.config.theme import Theme
from waves.models import Ending, Limits, WaveKind
from waves.steps.session.session import Session
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry


def rows_left(session: Session) -> int | None:
    """What the gate lets through, None for any number."""
    return rows_left_of(session.db, session.theme, session.rubric.version, session.limits)


def rows_left_of(db: Database, theme: Theme, version: str, limits: Limits) -> int | None:
    """As `rows_left`, of any version. Who only looks may come before it is registered."""
    unapproved = limits.max_rows_without_approval
    if rubric_registry.find(db, theme.theme_id, version) is None:
        return unapproved
    return rubric_registry.rows_left(db, theme.theme_id, version, unapproved, theme.source.input)


def approved(session: Session, version: str) -> bool:
    """Whether somebody approved the version for the columns that the theme has now."""
    found = rubric_registry.find(session.db, session.theme.theme_id, version)
    return found is not None and found.rows_for(session.theme.source.input) is not None


def closed(session: Session) -> Ending:
    """Why no more rows may be asked for."""
    theme, version = session.theme.theme_id, session.rubric.version
    found = rubric_registry.find(session.db, theme, version)
    stale = found is not None and found.approved_rows is not None and not approved(session, version)
    why = "was approved for other input columns" if stale else "is not approved for more rows"
    return Ending(
        "awaiting_approval",
        f"rubric {version} of theme {theme} {why}; `wave approve {theme} --version {version} --by NAME` opens the gate",
    )


def pilot_waits(session: Session, kind: WaveKind, version: str) -> Ending | None:
    """Why the open wave is left to a person, where it is a pilot of a version that nobody approved."""
    if kind != "pilot" or approved(session, version):
        return None
    theme = session.theme.theme_id
    return Ending(
        "awaiting_approval",
        f"a pilot of rubric {version} is open: `wave pilot {theme} --version {version}` shows it, "
        f"`wave approve {theme} --by NAME` merges it, `wave abandon {theme} --by NAME` gives it up",
    )
