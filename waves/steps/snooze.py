"""A backend that is unusable until a moment: kept in the database, where every process, theme and host sees it."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from waves.ids import now
from waves.models import Ending, Snoozed
from waves.steps.session import Session
from waves.store import backend_state

MARGIN = timedelta(seconds=60)
"""After the provider's own reset, plus up to another minute that differs from host to host."""
UNKNOWN = timedelta(minutes=15)
"""Where the provider names no moment."""
LONGEST = timedelta(days=8)


def snoozed(session: Session) -> Ending | None:
    """The ending for a fire that finds its backend asleep, or None where it is awake."""
    state = backend_state.snoozed(session.db, session.backend.name)
    if state is None:
        return None
    until, reason = state
    if until > now() + LONGEST:
        return None  # nobody sleeps so long: it was written while a clock was ahead
    return _ending(session, until, reason)


def snooze(session: Session, until: datetime | None, reason: str, told: Snoozed | None = None) -> Ending:  # noqa: ARG001
    """Put the backend to sleep until the provider's moment and a little, bounded."""
    if snoozed(session) is None:
        backend_state.wake(session.db, session.backend.name)  # or the moment of a wrong clock, being later, would stay
    wake = min((until + MARGIN + _jitter(session.host)) if until else now() + UNKNOWN, now() + LONGEST)
    backend_state.snooze(session.db, session.backend.name, wake, reason)
    session.log.write("snoozed", backend=session.backend.name, until=wake.isoformat(), reason=reason)
    return _ending(session, wake, reason)


def needs_probe(session: Session) -> bool:
    """Whether a snooze has ended and nobody knows yet that the backend works again."""
    return backend_state.unwoken(session.db, session.backend.name) and snoozed(session) is None


def awake(session: Session) -> None:
    """The backend has answered."""
    backend_state.wake(session.db, session.backend.name)


def _ending(session: Session, until: datetime, reason: str) -> Ending:
    return Ending("snoozed", f"backend {session.backend.name} sleeps until {until:%Y-%m-%d %H:%M:%SZ}: {reason}", until)


def _jitter(host: str) -> timedelta:
    """Hosts that share a quota shall not all come back in the same second."""
    return timedelta(seconds=zlib.crc32(host.encode()) % 60)
