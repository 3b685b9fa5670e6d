"""Gap → wave: take a bounded set of items, write the wave's folder and batch files, open its row.

The folder comes first and the row second: what a crash leaves between the two, `rescue` removes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waves.ids import new_wave_id, now
from waves.models import Ending, Item, Manifest, WaveKind
from waves.spool.wave_dir import WaveDir
from waves.steps import approval_gate
from waves.steps.budget.caps import over_budget_ending
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import KeyGrant, reserve_keys
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, batches_of, find_open_wave, load_wave
from waves.store import gap
from waves.store.tables import run_metrics, waves
from waves.words import counted


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the next wave would take, and what stands in its way."""

    keys: int
    ending: Ending | None


def resume_open_wave(session: Session) -> Wave | Ending | None:
    """The open wave of this theme, if there is one; the ending where it is a pilot that nobody approved: a fire leaves
    that to a person."""
    wave = find_open_wave(session)
    return wave and (approval_gate.pilot_waits(session, wave.manifest.kind, wave.manifest.rubric_version) or wave)


def allowance(session: Session, keys: int, quota: Callable[[Session, int], KeyGrant]) -> Allowance:
    """How many keys a wave may take now: the gate and the window come before the gap. `quota` reserves them, or only
    foresees what it would give."""
    left = approval_gate.rows_left(session)
    if left is not None and left <= 0:
        return Allowance(0, approval_gate.closed(session))
    if (broke := over_budget_ending(session)) is not None:
        return Allowance(0, broke)
    granted = quota(session, keys if left is None else min(keys, left))
    return Allowance(granted.keys, None if granted.keys else granted.ending)


def prepare(session: Session, keys: int) -> Wave | Ending:
    """Open a wave of at most `keys` items; the ending `complete` where the gap is empty."""
    if (asleep := snooze_ending(session)) is not None:
        return asleep
    planned = allowance(session, keys, reserve_keys)
    taken = gap.take(
        session.db,
        session.shape,
        session.rubric.version,
        planned.keys or 1,
        session.limits.drift_rows,
        run_id=session.run_id,
    )  # to restore costs nothing: neither gate nor cap nor window holds back what the version had judged before
    session.log.write("taken", items=len(taken.items), restored=taken.restored, unreadable=taken.unreadable)
    run_metrics.record_taken(session.db, session.run_id, len(taken.items) + taken.restored, taken.restored)
    if planned.ending is not None and taken.items:
        return planned.ending
    if taken.items:
        return open_with(session, taken.items)
    if taken.exhausted:
        return Ending("complete")
    if not taken.restored:
        return Ending("not_converged", "rows wait to be restored, and none could be; the next fire goes on")
    return Ending(
        "collected", f"restored {counted(taken.restored, 'row')} without asking; more are left for the next fire"
    )


def open_with(session: Session, items: tuple[Item, ...], kind: WaveKind = "normal") -> Wave:
    """A wave of these items, on the disk and in the database."""
    manifest = Manifest(
        installation=session.db.installation,
        theme_id=session.theme.theme_id,
        wave_id=new_wave_id(),
        kind=kind,
        rubric_version=session.rubric.version,
        backend=session.backend.name,
        model=session.backend.models[0],
        limits=session.limits,
        items=items,
        created_at=now(),
    )
    folder = WaveDir.create(session.data, manifest, session.rubric.text)
    folder.write_batches(list(batches_of(items, session.limits.batch_size)))
    waves.open_wave(session.db, manifest, session.host)
    session.log.write("prepared", wave=manifest.wave_id, kind=kind, emitted=len(items))
    return load_wave(folder)
