"""Parts → database, in one transaction, once the wave has converged. If run again, it finds the wave closed and changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from waves.errors import HeldError
from waves.models import Counts, Ending
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, WaveContents, contents_of
from waves.steps.submissions.progress import submission_progress
from waves.store.merge import versioned_upsert
from waves.store.tables import verdicts, waves


@dataclass(frozen=True, slots=True)
class Collected:
    """Where the items of the wave are. `ending` says why it was not merged; None if it was."""

    counts: Counts
    ending: Ending | None = None


def collect(
    session: Session,
    wave: Wave,
    contents: WaveContents,
    *,
    partial: bool = False,
    accept_orphans_by: str | None = None,
) -> Collected:
    """Merge the wave, unless it has not converged or is held for a person. `partial` releases the missing items first;
    items whose requests are in flight in a submission are not released, because their answers are paid for."""
    session.log.write("collecting", wave=wave.wave_id)
    if partial:
        if (ending := in_flight_ending(wave)) is not None:
            return Collected(contents.counts, ending)
        contents = _release_missing(session, wave, contents)
    if not contents.progress.converged:
        ending = Ending("not_converged", f"wave {wave.wave_id}: {contents.counts.line()}")
        return Collected(contents.counts, ending)
    return _merge(session, wave, contents, accept_orphans_by)


def in_flight_ending(wave: Wave) -> Ending | None:
    """Why nothing of the wave can be released or given up now, if requests of it are in flight in a submission."""
    in_flight = submission_progress(wave.folder.history().unfinished)
    if in_flight is None:
        return None
    reason = f"{in_flight}: these requests are paid for, and are fetched before anything is released or given up"
    return Ending("submitted", reason)


def _release_missing(session: Session, wave: Wave, contents: WaveContents) -> WaveContents:
    missing = [item.identity for item in contents.progress.missing]
    if not missing:
        return contents
    reason = "collected in part: nothing was asked, or no answer came"
    verdicts.release(session.db, wave.wave_id, missing, reason, session.run_id)
    return contents_of(session.db, wave, contents.parts)


def _merge(session: Session, wave: Wave, contents: WaveContents, accept_orphans_by: str | None) -> Collected:
    try:
        merge = versioned_upsert.collect(
            session.db,
            session.shape,
            wave.manifest,
            session.run_id,
            contents.parts.values(),
            contents.counts,
            max_orphan_rate=session.limits.max_orphan_rate,
            accept_orphans_by=accept_orphans_by,
        )
    except HeldError as held:
        waves.set_state(session.db, wave.wave_id, "held", held.message, contents.counts)
        return Collected(contents.counts, Ending("held", held.line))
    counts = merge.fill_in(contents.counts)
    wave.folder.close({"wave_id": wave.wave_id, "state": "closed", "counts": counts.line()})
    session.log.write("collected", wave=wave.wave_id, counts=counts.line())
    session.watcher.converged(wave.wave_id, counts)
    return Collected(counts)
