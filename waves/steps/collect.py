"""Parts → database: one transaction once the wave converged. Run again, it finds the wave closed and does nothing."""

from __future__ import annotations

from waves.errors import HeldError
from waves.models import Counts, Ending
from waves.steps.requests.settlement import read_wave
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, classify_items
from waves.steps.submissions.progress import submission_progress
from waves.store.merge import versioned_upsert
from waves.store.tables import verdicts, waves


def collect(
    session: Session, wave: Wave, *, partial: bool = False, accept_orphans_by: str | None = None
) -> Counts | Ending:
    """Merge the wave, and give its counts; an ending where it has not converged, or is held for a person."""
    session.log.write("collecting", wave=wave.wave_id)
    stock = read_wave(session, wave)
    progress = stock.progress
    away = submission_progress(wave.folder.history().unfinished) if partial else None
    if away is not None:
        return Ending("submitted", f"{away}: what is away is paid for, and is fetched before anything is released")
    if progress.missing and partial:
        verdicts.release(
            session.db,
            wave.wave_id,
            [item.identity for item in progress.missing],
            "collected in part: nothing was asked, or no answer came",
            session.run_id,
        )
        progress = classify_items(wave.manifest, stock.parts, verdicts.settled_items(session.db, wave.wave_id))
    if not progress.converged:
        return Ending("not_converged", f"wave {wave.wave_id}: {progress.counts().line()}")
    try:
        merge = versioned_upsert.collect(
            session.db,
            session.shape,
            wave.manifest,
            session.run_id,
            stock.parts.values(),
            progress.counts(),
            max_orphan_rate=session.limits.max_orphan_rate,
            accept_orphans_by=accept_orphans_by,
        )
    except HeldError as held:
        waves.set_state(session.db, wave.wave_id, "held", held.message, progress.counts())
        return Ending("held", held.line)
    counts = merge.fill_in(progress.counts())
    wave.folder.close({"wave_id": wave.wave_id, "state": "closed", "counts": counts.line()})
    session.log.write("collected", wave=wave.wave_id, counts=counts.line())
    session.watcher.converged(wave.wave_id, counts)
    return counts
