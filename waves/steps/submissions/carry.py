"""A wave whose requests go in submissions: handed over by one fire, fetched by a later one, never handed over twice.

Its state is in its journals. An intent is on disk before its requests go out, the provider's ticket as soon as it is
known. An intent without a ticket is looked up at the provider before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from waves.backends.api_key import unusable
from waves.config.project import BackendConfig
from waves.errors import ConfigurationError, CredentialsError, WaveError
from waves.steps.budget.snooze import snooze_ending
from waves.steps.session.backend_chain import backend_chain
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import RunResult, Wave, WaveContents, open_from_disk, require_room

if TYPE_CHECKING:
    from waves.steps.submissions.visit import SubmissionVisit


def submission_backend(session: Session, wave: Wave, *, converged: bool = False) -> BackendConfig | None:
    """The backend that this wave's submissions go through: the one that has requests of it already, even if the fire
    was started with another, else the fire's own. None if the wave is asked request by request, or if it has converged
    and nothing of it is in flight."""
    unfinished = wave.folder.history().unfinished
    if not unfinished:
        return session.backend if session.backend.traits.takes_submissions and not converged else None
    name = unfinished[-1].intent.backend
    known = session.project.backends.get(name)
    if known is None or not known.traits.takes_submissions:
        raise ConfigurationError(
            f"wave {wave.wave_id} was submitted through backend {name!r}, which is not one that takes submissions",
            f"Restore it in waves.yaml, or give the wave up: wave abandon {session.theme.theme_id} --by NAME.",
        )
    (backend,) = backend_chain(session.project, session.theme, name)
    return backend


def run_submissions(session: Session, wave: Wave, contents: WaveContents, guard: Guard) -> RunResult:
    """Fetch the results that are ready, then hand over what is still missing."""
    if (ending := snooze_ending(session)) is not None:
        return RunResult(ending, contents)
    require_room(wave, contents.progress.missing)
    with _visit(session, wave, guard) as visit:
        return visit.fetch_and_submit(contents)


def fetch_submitted(session: Session, wave: Wave, contents: WaveContents, guard: Guard) -> RunResult:
    """Fetch what is in flight for a wave that asks for nothing more."""
    backend = submission_backend(session, wave, converged=True)
    if backend is None:
        return RunResult(None, contents)
    session = replace(session, backend=backend)
    if (ending := snooze_ending(session)) is not None:
        return RunResult(ending, contents)
    with _visit(session, wave, guard) as visit:
        return visit.fetch(contents)


@contextmanager
def _visit(session: Session, wave: Wave, guard: Guard) -> Iterator[SubmissionVisit]:
    from waves.backends.message_batches.service import MessageBatches
    from waves.steps.submissions.visit import SubmissionVisit

    _require_key(session.backend)
    with closing(MessageBatches(session.backend)) as provider:
        yield SubmissionVisit(session, wave, guard, provider)


def cancel(session: Session, wave_id: str) -> None:
    """Ask the provider to cancel the batches of a wave that is given up. It may charge for what it has done until then:
    the log names these batches. Never fails, because a wave that cannot be read can be given up, too."""
    from waves.backends.message_batches.service import MessageBatches
    from waves.backends.message_batches.wire import Problem

    try:
        wave = open_from_disk(session, wave_id)
        backend = submission_backend(session, wave, converged=True)
        unfinished = wave.folder.history().unfinished
        if backend is None or not unfinished:
            return
        _require_key(backend)
    except WaveError as fault:
        session.log.write("not_cancelled", wave=wave_id, reason=fault.message)
        return
    provider = MessageBatches(backend)
    for submission in unfinished:
        reply = provider.cancel(submission.batch_id) if submission.batch_id else None
        cancelled = reply is not None and not isinstance(reply, Problem)
        session.log.write("given_up", wave=wave_id, batch=submission.batch_id, cancelled=cancelled, may_be_charged=True)
    provider.close()


def _require_key(backend: BackendConfig) -> None:
    if (fatal := unusable(backend)) is not None:
        raise fatal.as_error()
    if (backend.api_key or "").startswith("sk-ant-oat"):
        raise CredentialsError(
            f"backend {backend.name}: {backend.api_key_env} holds a subscription's token, which batches do not take",
            "put an API key of the console there",
        )
