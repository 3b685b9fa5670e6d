"""A wave that is held because too much of it would be given up: nothing is asked again before a person decides."""

from __future__ import annotations

from waves.models import Counts, Ending
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave
from waves.store.tables import waves


def hold(session: Session, wave: Wave, counts: Counts, reason: str | None) -> Ending | None:
    """Hold the wave for this reason, if there is one. Returns the ending of the fire."""
    if reason is None:
        return None
    if waves.set_state(session.db, wave.wave_id, "held", reason, counts):
        session.log.write("held", wave=wave.wave_id, counts=counts.line())
    return Ending("held", reason)


def held_ending(session: Session, wave: Wave) -> Ending | None:
    """The ending of a fire that finds the wave held."""
    row = waves.current(session.db, session.theme.theme_id)
    if row is None or row.wave_id != wave.wave_id or row.state != "held":
        return None
    return Ending("held", row.reason)


def release_hold(session: Session, wave: Wave) -> None:
    """A person lets the wave go on."""
    if held_ending(session, wave) is not None:
        waves.set_state(session.db, wave.wave_id, "open", None, None)
