"""Batches → answers → parts, until nothing of the wave is missing or something ends the fire."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from waves.backends.api_key import unusable
from waves.backends.rehearsal.stand_in import rehearse
from waves.config.project import BackendConfig
from waves.errors import CredentialsError
from waves.executors.processes import Processes
from waves.models import Ending, Identity, Item, Limits
from waves.spool import files
from waves.spool.locks import WORKERS_LOCK
from waves.steps.budget.caps import open_budget
from waves.steps.budget.snooze import snoozed
from waves.steps.budget.window_evidence import observe
from waves.steps.budget.window_keys import reserve, would_reserve
from waves.steps.requests.loop import RequestLoop
from waves.steps.requests.settlement import read_progress, record_settled
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, batches_of, classify_items
from waves.steps.submissions import carry
from waves.store.tables import verdicts
from waves.worker import Classifier, preload

ROOM = 8192
"""Bytes that an item may take on the disk: a block of its part, its share of journal and batch file. On a full disk
nothing is asked: what cannot be kept must not be paid for."""


def run(session: Session, wave: Wave, guard: Guard) -> Ending | None:
    """Ask for what is missing, in at most `passes` tries; an item that failed in all of them is released. The last try
    asks for each item alone, because one item can spoil the answers for all that are asked with it.

    None once the wave has converged, else why the fire cannot go on now. A wave that goes by submissions takes one step
    of its way.
    """
    progress = read_progress(session, wave)
    session.watcher.opened(wave.wave_id, len(wave.manifest.items), len(progress.parts))
    if (carrier := carry.carrier(session, wave, converged=progress.converged)) is not None:
        session = replace(session, backend=carrier)
    elif progress.converged:
        return None
    if (asleep := snoozed(session)) is not None:
        return asleep
    files.require_room(wave.folder.path, len(progress.missing) * ROOM)
    if carrier is not None:
        return carry.carry(session, wave, guard)
    granted = reserve(session, len(progress.missing))
    if granted.ending is not None and not granted.keys:
        return granted.ending
    withheld = frozenset(item.identity for item in progress.missing[granted.keys :])
    ending: Ending | None = None
    never_asked = not wave.folder.journals()
    with asker(session, wave, guard) as asking:
        asking.have |= progress.parts
        for number in range(1, session.limits.passes + 1):
            due = [item for item in progress.missing if item.identity not in withheld]
            size = _batch_size(session.limits, number, missing=len(due), have=len(asking.have))
            batches = list(batches_of(due, size))
            ending = _one_pass(session, wave, asking, batches, fresh=number == 1 and never_asked)
            progress = classify_items(wave.manifest, asking.have, verdicts.settled(session.db, wave.wave_id))
            session.log.write("pass", wave=wave.wave_id, number=number, counts=progress.counts().line())
            if ending is not None or len(progress.missing) == len(withheld):
                break
    wave.parts.sync()
    if ending is None:
        _release(session, wave, [item.identity for item in progress.missing if item.identity not in withheld])
    return ending or (would_reserve(session, len(withheld)).ending or granted.ending if withheld else None)


def _batch_size(limits: Limits, number: int, *, missing: int, have: int) -> int:
    """The items of a batch in pass `number`: one each in the last pass before they would be given up, so that the one
    that spoils the answers is found. Not where no answer at all was of use: then it is not the items, and asking alone
    only costs; a single batch is cheap enough."""
    last = min(limits.passes, limits.max_attempts)
    alone = number > 1 and number >= last and (have > 0 or missing <= limits.batch_size)
    return 1 if alone else limits.batch_size


def _release(session: Session, wave: Wave, missing: Sequence[Identity]) -> None:
    if missing and wave.manifest.kind != "evaluation":
        verdicts.release(
            session.db,
            wave.wave_id,
            missing,
            f"nothing to store after {session.limits.passes} tries",
            session.run_id,
        )


def _one_pass(
    session: Session, wave: Wave, asking: RequestLoop, batches: Sequence[Sequence[Item]], *, fresh: bool
) -> Ending | None:
    """Ask for everything that is missing once. However it ends, what was sent is booked; what went unanswered is
    charged to the items only where the provider itself was well."""
    if not fresh:
        wave.folder.write_batches(batches)
    ending: Ending | None = Ending("failed")
    try:
        ending = asking.ask(batches)
    finally:
        settled = [*asking.settled, *asking.abandoned()]
        record_settled(session, wave.manifest, settled, asking.doubt.unanswered if ending is None else ())
        asking.settled.clear()
        asking.doubt.unanswered.clear()
        observe(session, asking.meters)
    return ending


@contextmanager
def asker(session: Session, wave: Wave, guard: Guard) -> Iterator[RequestLoop]:
    """Workers, a journal and the loop that uses them; no process and no open file is left behind."""
    with rehearse(session.backend) as backend:
        if (fatal := unusable(backend)) is not None:
            raise CredentialsError(fatal.message, fatal.hint)
        budget = open_budget(session, wave)  # before the workers: the table of prices is read while they still import
        with workers(session, wave, backend) as processes, closing(wave.folder.new_journal(session.run_id)) as journal:
            yield RequestLoop(session, wave, guard, backend, processes, journal, budget)


@contextmanager
def workers(session: Session, wave: Wave, backend: BackendConfig) -> Iterator[Processes]:
    size = min(session.limits.parallel, os.cpu_count() or 1)
    guard = session.folder / WORKERS_LOCK
    processes = Processes(Classifier(backend, wave.rubric), workers=size, preload=preload(backend), guard=guard)
    try:
        yield processes
    finally:
        processes.close(kill=True)
