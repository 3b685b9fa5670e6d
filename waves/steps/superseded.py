"""A rubric version that stops being active while its wave is open: what was paid for is kept, nothing more is asked by
it, and no other wave is opened for it.
"""

from __future__ import annotations

from waves.config.theme import Theme
from waves.models import Ending
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry


def is_superseded(session: Session, wave: Wave) -> bool:
    """Whether another version than the wave's own is active. A pilot asks by such a version on purpose."""
    manifest = wave.manifest
    return (
        manifest.kind != "pilot" and _active_instead_of(session.db, session.theme, manifest.rubric_version) is not None
    )


def superseded_ending(session: Session) -> Ending | None:
    """The ending of a fire whose own version was superseded since the fire began."""
    version = _active_instead_of(session.db, session.theme, session.rubric.version)
    if version is None:
        return None
    return Ending("collected", f"rubric {version} has become active; the next fire uses it")


def _active_instead_of(db: Database, theme: Theme, version: str) -> str | None:
    active = rubric_registry.active(db, theme.theme_id)
    return active.version if active is not None and active.version != version else None
