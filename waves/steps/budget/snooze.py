"""A backend that is unusable until a moment: kept in the database, where every process, theme and host sees it.

Whoever finds it asleep leaves at once. Once the moment has come, one probe goes out before full speed; its success
wakes the backend, so that a reset that was misread costs no more than that.
"""

from __future__ import annotations

from datetime import datetime

from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Ending
from waves.outcomes import Snoozed
from waves.quota.pauses import wake_at
from waves.steps.budget import window_evidence
from waves.steps.session.session import Session
from waves.store.tables import backend_state


def snoozed(session: Session) -> Ending | None:
    """The ending for a fire that finds its backend asleep, or None where it is awake."""
    state = backend_state.current_snooze(session.db, session.backend.name)
    return _ending(session.backend, *state) if state else None


def snooze(session: Session, until: datetime | None, reason: str, told: Snoozed | None = None) -> Ending:
    """Put the backend to sleep until the provider's moment and a little, or for a growing pause. `told` is what the
    provider itself said, where it did: the end of a window teaches how much it holds."""
    config = session.backend
    if told is not None:
        until = window_evidence.refused(session, told) or until
    pauses = backend_state.snoozes_since_success(session.db, config.name)
    wake = wake_at(until, now(), pauses=pauses, length=config.window, host=session.host)
    backend_state.snooze(session.db, config.name, wake, reason)
    session.log.write("snoozed", backend=config.name, until=wake.isoformat(), reason=reason, pauses=pauses + 1)
    return snoozed(session) or _ending(session.backend, wake, reason)  # another fire may have heard of a later moment


def needs_probe(session: Session) -> bool:
    """Whether a snooze has ended and nobody knows yet that the backend works again."""
    return backend_state.snoozes_since_success(session.db, session.backend.name) > 0 and snoozed(session) is None


def awake(session: Session) -> None:
    """The backend has answered: full speed, and the next pause is a short one again."""
    backend_state.wake(session.db, session.backend.name)
    session.log.write("awake", backend=session.backend.name)


def _ending(backend: BackendConfig, until: datetime, reason: str) -> Ending:
    return Ending("snoozed", f"backend {backend.name} sleeps until {until:%Y-%m-%d %H:%M:%SZ}: {reason}", until)
