"""A backend that is unusable until a moment. This is kept in the database, where every process, theme and host sees it.

A fire that finds its backend snoozed ends at once. When the snooze is over, one probe goes out before full speed, and
its success wakes the backend: a reset time that was misread costs no more than the probe.
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


def snooze_ending(session: Session) -> Ending | None:
    """The ending of a fire whose backend is snoozed; None if the backend may be used."""
    snooze = backend_state.current_snooze(session.db, session.backend.name)
    return _ending(session.backend, *snooze) if snooze else None


def snooze_backend(session: Session, until: datetime | None, reason: str, refusal: Snoozed | None = None) -> Ending:
    """Snooze the backend until shortly after the provider's moment, or for a growing pause if the provider named none.
    `refusal` is the provider's own refusal, if there was one: the end of a window shows how much the window holds."""
    config = session.backend
    if refusal is not None:
        until = window_evidence.learn_from_refusal(session, refusal) or until
    pauses = backend_state.snoozes_since_success(session.db, config.name)
    wake = wake_at(until, now(), pauses=pauses, length=config.window, host=session.host)
    backend_state.snooze(session.db, config.name, wake, reason)
    session.log.write("snoozed", backend=config.name, until=wake.isoformat(), reason=reason, pauses=pauses + 1)
    return snooze_ending(session) or _ending(config, wake, reason)  # another fire may have set a later moment


def needs_probe(session: Session) -> bool:
    """Whether a snooze is over and no request has succeeded since."""
    return backend_state.snoozes_since_success(session.db, session.backend.name) > 0 and snooze_ending(session) is None


def wake_after_snooze(session: Session) -> None:
    """The backend has answered: if its snooze is over, it is awake again."""
    if needs_probe(session):
        wake_backend(session)


def wake_backend(session: Session) -> None:
    """Full speed, and the next pause is a short one again."""
    backend_state.wake(session.db, session.backend.name)
    session.log.write("awake", backend=session.backend.name)


def _ending(backend: BackendConfig, until: datetime, reason: str) -> Ending:
    return Ending("snoozed", f"backend {backend.name} sleeps until {until:%Y-%m-%d %H:%M:%SZ}: {reason}", until)
