"""Parts → database: one transaction once the wave converged. Run again, it finds the wave closed and does nothing."""

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
    """Where the items of the wave are. `ending` is None if it was merged, else why it was not."""

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
    """Merge the wave, unless it has not converged or is held for a person. `partial` releases what is missing first."""
    session.log.write("collecting", wave=wave.wave_id)
    in_flight = submission_progress(wave.folder.history().unfinished) if partial else None
    if in_flight is not None:
        reason = f"{in_flight}: what is away is paid for, and is fetched before anything is released"
        return Collected(contents.counts, Ending("submitted", reason))
    if partial:
        contents = _release_missing(session, wave, contents)
    counts = contents.counts
    if not contents.progress.converged:
        return Collected(counts, Ending("not_converged", f"wave {wave.wave_id}: {counts.line()}"))
    try:
        merge = versioned_upsert.collect(
            session.db,
            session.shape,
            wave.manifest,
            session.run_id,
            contents.parts.values(),
            counts,
            max_orphan_rate=session.limits.max_orphan_rate,
            accept_orphans_by=accept_orphans_by,
        )
    except HeldError as held:
        waves.set_state(session.db, wave.wave_id, "held", held.message, counts)
        return Collected(counts, Ending("held", held.line))
    counts = merge.fill_in(counts)
    wave.folder.close({"wave_id": wave.wave_id, "state": "closed", "counts": counts.line()})
    session.log.write("collected", wave=wave.wave_id, counts=counts.line())
    session.watcher.converged(wave.wave_id, counts)
    return Collected(counts)


def _release_missing(session: Session, wave: Wave, contents: WaveContents) -> WaveContents:
    missing = [item.identity for item in contents.progress.missing]
    if not missing:
        return contents
    reason = "collected in part: nothing was asked, or no answer came"
    verdicts.release(session.db, wave.wave_id, missing, reason, session.run_id)
    return contents_of(session.db, wave, contents.parts)
