"""The gate: a version that nobody approved for the columns it judges may touch a few rows, and a pilot of it waits for
a person. No surface can bypass it, because every wave is opened and continued by the same steps.
"""

from __future__ import annotations

from waves.config.theme import Theme
from waves.models import Ending, Limits, WaveKind
from waves.steps.session.session import Session
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.words import counted


def rows_left(db: Database, theme: Theme, version: str, limits: Limits) -> int | None:
    """The number of rows that the version may still touch, None for any number. A report may ask about a version that
    is not registered yet."""
    unapproved = limits.max_rows_without_approval
    if rubric_registry.find(db, theme.theme_id, version) is None:
        return unapproved
    return rubric_registry.rows_left(db, theme.theme_id, version, unapproved, theme.source.input)


def is_approved(session: Session, version: str) -> bool:
    """Whether somebody approved the version for the columns that the theme has now."""
    registered = rubric_registry.find(session.db, session.theme.theme_id, version)
    return registered is not None and registered.rows_for(session.theme.source.input) is not None


def unapproved_ending(session: Session) -> Ending:
    """The ending of a fire whose version has no rows left."""
    theme, version = session.theme.theme_id, session.rubric.version
    registered = rubric_registry.find(session.db, theme, version)
    was_approved = registered is not None and registered.approved_rows is not None
    outdated = was_approved and not is_approved(session, version)
    why = "was approved for other input columns" if outdated else "is not approved for more rows"
    return Ending(
        "awaiting_approval",
        f"rubric {version} of theme {theme} {why}; `wave approve {theme} --version {version} --by NAME` opens the gate",
    )


def withheld_ending(session: Session, rows: int) -> Ending:
    """The ending of a fire that finds nothing but rows whose verdicts are of a pilot that somebody abandoned."""
    theme, version = session.theme.theme_id, session.rubric.version
    return Ending(
        "awaiting_approval",
        f"{counted(rows, 'row')} of theme {theme} {'has a verdict' if rows == 1 else 'have verdicts'} of a pilot of "
        f"rubric {version} that was abandoned; `wave approve {theme} --version {version} --by NAME` restores them",
    )


def pilot_ending(session: Session, kind: WaveKind, version: str) -> Ending | None:
    """The ending of a fire that finds a pilot of an unapproved version open: only a person may continue it. None for
    any other wave."""
    if kind != "pilot" or is_approved(session, version):
        return None
    theme = session.theme.theme_id
    return Ending(
        "awaiting_approval",
        f"a pilot of rubric {version} is open: `wave pilot {theme} --version {version}` shows it, "
        f"`wave approve {theme} --by NAME` merges it, `wave abandon {theme} --by NAME` gives it up",
    )
