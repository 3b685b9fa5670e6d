"""A wave that goes by submissions: handed over by one fire, fetched by a later one, and never handed over twice.

The journals say where it stands. An intent is on the disk before its requests go out, the provider's ticket as soon as
it is known; whatever lies between the two is looked up at the provider before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from waves.backends.api_key import unusable
from waves.config.project import BackendConfig
from waves.errors import ConfigurationError, CredentialsError, WaveError
from waves.models import Ending
from waves.steps.budget.snooze import snoozed
from waves.steps.session.backend_chain import backend_chain
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, open_from_disk

if TYPE_CHECKING:
    from waves.steps.submissions.visit import SubmissionVisit


def carrier(session: Session, wave: Wave, *, converged: bool = False) -> BackendConfig | None:
    """The backend that this wave has to be taken to: the one that has requests of it, whatever the fire was told, else
    the fire's own. None where the wave is asked request by request, or has converged and nothing of it is away."""
    unfinished = wave.folder.history().unfinished
    if not unfinished:
        return session.backend if session.backend.traits.takes_submissions and not converged else None
    name = unfinished[-1].intent.backend
    known = session.project.backends.get(name)
    if known is None or not known.traits.takes_submissions:
        raise ConfigurationError(
            f"wave {wave.wave_id} was submitted through backend {name!r}, which is not one that takes submissions",
            f"Bring it back in waves.yaml, or give the wave up: wave abandon {session.theme.theme_id} --by NAME.",
        )
    (found,) = backend_chain(session.project, session.theme, name)
    return found


def carry(session: Session, wave: Wave, guard: Guard) -> Ending | None:
    """Fetch what is there, then hand over what is still missing. None once the wave has converged, else why the fire
    cannot go on now."""
    with _visit(session, wave, guard) as visit:
        return visit.pay()


def fetch(session: Session, wave: Wave, guard: Guard) -> Ending | None:
    """Fetch what is on its way for a wave that asks for nothing more. None once nothing is, else why the fire cannot go
    on now."""
    backend = carrier(session, wave, converged=True)
    if backend is None:
        return None
    session = replace(session, backend=backend)
    if (asleep := snoozed(session)) is not None:
        return asleep
    with _visit(session, wave, guard) as visit:
        return visit.fetch()


@contextmanager
def _visit(session: Session, wave: Wave, guard: Guard) -> Iterator[SubmissionVisit]:
    from waves.backends.message_batches.service import MessageBatches
    from waves.steps.submissions.visit import SubmissionVisit

    _require_key(session.backend)
    with closing(MessageBatches(session.backend)) as provider:
        yield SubmissionVisit(session, wave, guard, provider)


def cancel(session: Session, wave_id: str) -> None:
    """Ask the provider to stop work on a wave that is being given up. What it has done until then it may charge for:
    the log says which batches those are. Never fails: a wave that cannot be read can be given up, too."""
    from waves.backends.message_batches.service import MessageBatches
    from waves.backends.message_batches.wire import Problem

    try:
        wave = open_from_disk(session, wave_id)
        backend = carrier(session, wave, converged=True)
        unfinished = wave.folder.history().unfinished
        if backend is None or not unfinished:
            return
        _require_key(backend)
    except WaveError as fault:
        session.log.write("not_cancelled", wave=wave_id, reason=fault.message)
        return
    provider = MessageBatches(backend)
    for submission in unfinished:
        told = provider.cancel(submission.batch_id) if submission.batch_id else None
        cancelled = told is not None and not isinstance(told, Problem)
        session.log.write("given_up", wave=wave_id, batch=submission.batch_id, cancelled=cancelled, may_be_charged=True)
    provider.close()


def _require_key(backend: BackendConfig) -> None:
    if (fatal := unusable(backend)) is not None:
        raise CredentialsError(fatal.message, fatal.hint)
    if (backend.api_key or "").startswith("sk-ant-oat"):
        raise CredentialsError(
            f"backend {backend.name}: {backend.api_key_env} holds a subscription's token, which batches do not take",
            "put an API key of the console there",
        )
