"""Missing items → requests → answers → parts, until nothing of the wave is missing or something ends the fire.

There are two ways, chosen once for a wave: request by request, here, or handed over in batches and fetched later, in
`submissions`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from waves.backends.api_key import unusable
from waves.backends.rehearsal.stand_in import rehearse
from waves.config.project import BackendConfig
from waves.errors import WaveError
from waves.executors.processes import Processes
from waves.models import Ending, Identity, Limits
from waves.spool.locks import WORKERS_LOCK
from waves.steps.budget.caps import open_budget
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_evidence import learn_from_meters
from waves.steps.budget.window_keys import available_keys, reserve_keys
from waves.steps.requests.in_flight import InFlightRequests
from waves.steps.requests.loop import RequestLoop
from waves.steps.requests.settlement import Failures, charge, record_calls, to_blame
from waves.steps.session.holding import held_ending, hold
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.steps.session.wave import RunResult, Wave, WaveContents, batches_of, contents_of, require_room
from waves.steps.submissions.carry import fetch_submitted, run_submissions, submission_backend
from waves.store.tables import verdicts
from waves.worker import Classifier, preload


def run(session: Session, wave: Wave, contents: WaveContents, guard: Guard) -> RunResult:
    """Ask for the missing items, in the way that the wave's backend needs."""
    progress = contents.progress
    session.watcher.opened(wave.wave_id, len(wave.manifest.items), len(progress.parts))
    if (ending := held_ending(session, wave)) is not None and not progress.converged:
        return RunResult(ending, fetch_submitted(session, wave, contents, guard).contents)  # that is paid for
    backend = submission_backend(session, wave, converged=progress.converged)
    if backend is not None:
        return run_submissions(replace(session, backend=backend), wave, contents, guard)
    return run_requests(session, wave, contents, guard)


def run_requests(session: Session, wave: Wave, contents: WaveContents, guard: Guard) -> RunResult:
    """Ask request by request, in at most `passes` passes; an item that failed in all of them is released. The last pass
    asks for each item alone, because one item can spoil the answers for all that are asked with it."""
    missing = contents.progress.missing
    if not missing:
        return RunResult(None, contents)
    if (ending := snooze_ending(session)) is not None:
        return RunResult(ending, contents)
    require_room(wave, missing)
    grant = reserve_keys(session, len(missing))  # again, because a resumed wave has reserved nothing in this fire
    if grant.ending is not None and not grant.keys:
        return RunResult(grant.ending, contents)
    withheld = frozenset(item.identity for item in missing[grant.keys :])
    result = _passes(session, wave, contents, guard, withheld)
    wave.parts.sync()
    if result.ending is not None:
        return result
    _release(session, wave, [item.identity for item in result.contents.progress.missing], withheld)
    contents = contents_of(session.db, wave, result.contents.parts)
    if not withheld:
        return RunResult(None, contents)
    return RunResult(available_keys(session, len(withheld)).ending or grant.ending, contents)


def _passes(
    session: Session, wave: Wave, contents: WaveContents, guard: Guard, withheld: frozenset[Identity]
) -> RunResult:
    """Pass after pass, until nothing but `withheld` is missing, or the fire cannot continue. Then each item that failed
    is charged with one attempt. Raises the fault that ended a pass, once everything is recorded."""
    batches_are_written = not wave.folder.journals()  # prepare wrote them, and nothing was asked yet
    failures = Failures(_waiting(session, wave, contents))
    ending: Ending | None = None
    fault: WaveError | None = None
    answered = bool(contents.parts)
    with _request_loop(session, wave, guard) as loop:
        for number in range(1, session.limits.passes + 1):
            due = [item for item in contents.progress.missing if item.identity not in withheld | failures.not_again]
            if not due:
                break
            size = _batch_size(session.limits, number, missing=len(due), answered=answered)
            batches = list(batches_of(due, size))
            if number > 1 or not batches_are_written:
                wave.folder.write_batches(batches)
            result = loop.ask(batches, have=len(contents.parts))
            record_calls(session, wave.manifest, result.settled)
            learn_from_meters(session, result.meters)
            failures.add(result)
            answered = answered or result.answered
            contents = contents_of(session.db, wave, {**contents.parts, **result.parts})
            session.log.write("pass", wave=wave.wave_id, number=number, counts=contents.counts.line())
            ending, fault = result.ending, result.fault
            if ending is not None or fault is not None:
                break
    cut_off = ending is not None and ending.state == "interrupted"
    decided = to_blame(failures.settled, cut_off=cut_off)
    held = charge(session, wave.manifest, decided, failures.unanswered, accepted=contents.parts.keys())
    contents = contents_of(session.db, wave, contents.parts)
    on_hold = hold(session, wave, contents.counts, held)  # first: whatever else ended the fire passes by itself
    if fault is not None:
        raise fault
    return RunResult(on_hold or ending, contents)


def _waiting(session: Session, wave: Wave, contents: WaveContents) -> list[Identity]:
    """Items of a resumed wave that failed in an earlier fire, and are not asked again yet."""
    missing = [item.identity for item in contents.progress.missing]
    tried = verdicts.tried_items(session.db, wave.manifest.theme_id, wave.manifest.rubric_version, missing)
    return [identity for identity, each in tried.items() if each.waiting]


def _batch_size(limits: Limits, number: int, *, missing: int, answered: bool) -> int:
    """The items of a batch in pass `number`. In the last pass before items are given up it is one, which finds the item
    that spoils the answers of others: there may be one in each batch. If nothing was `answered`, not even the rubric's
    example, the items are not the cause, and asking for each alone would only cost more; a single batch is cheap
    enough."""
    last = min(limits.passes, limits.max_attempts)
    alone = number > 1 and number >= last and (answered or missing <= limits.batch_size)
    return 1 if alone else limits.batch_size


def _release(session: Session, wave: Wave, missing: Sequence[Identity], withheld: frozenset[Identity]) -> None:
    released = [identity for identity in missing if identity not in withheld]
    if released and wave.manifest.kind != "evaluation":
        reason = f"nothing to store after {session.limits.passes} tries"
        verdicts.release(session.db, wave.wave_id, released, reason, session.run_id)


@contextmanager
def _request_loop(session: Session, wave: Wave, guard: Guard) -> Iterator[RequestLoop]:
    """Workers, a journal and the loop that uses them. No process and no open file is left behind."""
    with rehearse(session.backend) as backend:  # the journal and the ledger still name the backend of the configuration
        if (fatal := unusable(backend)) is not None:
            raise fatal.as_error()
        budget = open_budget(session, wave)  # before the workers: the price table is read while they still import
        with _workers(session, wave, backend) as workers, closing(wave.folder.new_journal(session.run_id)) as journal:
            requests = InFlightRequests(wave, session.backend, session.run_id, journal, budget)
            yield RequestLoop(session, wave, guard, backend, workers, requests)


@contextmanager
def _workers(session: Session, wave: Wave, backend: BackendConfig) -> Iterator[Processes]:
    size = min(session.limits.parallel, os.cpu_count() or 1)
    lock = session.folder / WORKERS_LOCK
    processes = Processes(Classifier(backend, wave.rubric), workers=size, preload=preload(backend), guard=lock)
    try:
        yield processes
    finally:
        processes.close(kill=True)
