"""When another rubric version comes into force in the middle of things: what was paid for is kept, nothing more is
asked by the version of before, and no further wave is opened for it.
"""

from __future__ import annotations

from waves.models import Ending
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave
from waves.store.rubrics import rubric_registry


def superseded(session: Session, version: str) -> str | None:
    """The version that is in force by now, where it is not this one."""
    found = rubric_registry.active(session.db, session.theme.theme_id)
    return found.version if found is not None and found.version != version else None


def winds_up(session: Session, wave: Wave) -> bool:
    """Whether nothing more is asked for the wave, because its version is no longer in force. A pilot is of such a
    version on purpose."""
    manifest = wave.manifest
    return manifest.kind != "pilot" and superseded(session, manifest.rubric_version) is not None


def overtaken(session: Session) -> Ending | None:
    """The ending for a fire whose own version was superseded since it began."""
    version = superseded(session, session.rubric.version)
    if version is None:
        return None
    return Ending("collected", f"rubric {version} has come into force; the next fire goes on with it")
