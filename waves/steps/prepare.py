"""Gap → wave: take a bounded set of items, write the wave's folder and batch files, open its row.

The folder comes first and the row second: what a crash leaves between the two, `rescue` removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from waves.errors import BadDataError
from waves.ids import new_wave_id, now
from waves.models import Counts, Ending, Item, Manifest, WaveKind
from waves.spool import wave_dir
from waves.spool.wave_dir import WaveDir
from waves.steps import approval_gate
from waves.steps.budget.caps import afford
from waves.steps.budget.forecast import forecast
from waves.steps.budget.snooze import snoozed
from waves.steps.budget.window_keys import Reserved, reserve, would_reserve
from waves.steps.recording import record_dry_run
from waves.steps.session.session import Opening, Session, open_session
from waves.steps.session.wave import Opened, dress, open_on_disk
from waves.steps.tally import Tally
from waves.store import gap
from waves.store.tables import run_metrics, waves
from waves.words import counted


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next wave would take, and what stands in its way."""

    keys: int
    ending: Ending | None


def go_on(session: Session) -> Opened | Ending | None:
    """The open wave of this theme, if there is one; the ending where it is a pilot that nobody approved: a fire leaves
    that to a person."""
    wave = find_open(session)
    return wave and (approval_gate.pilot_waits(session, wave.manifest.kind, wave.manifest.rubric_version) or wave)


def find_open(session: Session) -> Opened | None:
    """The open wave of this theme, a pilot included."""
    row = waves.current(session.db, session.theme.theme_id)
    if row is None:
        return None
    if row.wave_id not in wave_dir.wave_ids(session.data, session.theme.theme_id):
        raise BadDataError(
            f"wave {row.wave_id} is open in the database, but {session.folder}/waves has no such folder",
            f"Bring the data folder back, or give the wave up with `wave abandon {session.theme.theme_id} --by NAME`.",
        )
    return open_on_disk(session, row.wave_id)


def plan(session: Session, keys: int, quota: Callable[[Session, int], Reserved]) -> Plan:
    """How many keys a wave may take now: the gate and the window come before the gap. `quota` reserves them, or only
    foresees what it would give."""
    left = approval_gate.rows_left(session)
    if left is not None and left <= 0:
        return Plan(0, approval_gate.closed(session))
    if (broke := afford(session)) is not None:
        return Plan(0, broke)
    granted = quota(session, keys if left is None else min(keys, left))
    return Plan(granted.keys, None if granted.keys else granted.ending)


def prepare(session: Session, keys: int) -> Opened | Ending:
    """Open a wave of at most `keys` items; the ending `complete` where the gap is empty."""
    if (asleep := snoozed(session)) is not None:
        return asleep
    planned = plan(session, keys, reserve)
    taken = gap.take(
        session.db,
        session.shape,
        session.rubric.version,
        planned.keys or 1,
        session.limits.drift_rows,
        run_id=session.run_id,
    )  # to restore costs nothing: neither gate nor cap nor window holds back what the version had judged before
    session.log.write("taken", items=len(taken.items), restored=taken.restored, unreadable=taken.unreadable)
    run_metrics.taken(session.db, session.run_id, len(taken.items) + taken.restored, taken.restored)
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


def batches_of(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def open_with(session: Session, items: tuple[Item, ...], kind: WaveKind = "normal") -> Opened:
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
    return dress(folder)


def foresee(opening: Opening, tally: Tally) -> None:
    """What a fire would do now. Asks no model, and writes nothing but its own run row."""
    started = now()
    with open_session(opening, tally.report.run_id, read_only=True) as session:
        tally.note(rubric_version=session.rubric.version)
        _foresee(session, tally)
        record_dry_run(session, opening.trigger, started, tally)


def _foresee(session: Session, tally: Tally) -> None:
    row = waves.current(session.db, session.theme.theme_id)
    if row is not None:
        tally.note(wave_id=row.wave_id)
        waits = approval_gate.pilot_waits(session, row.kind, row.rubric_version)
        would = f"go on with wave {row.wave_id} ({row.state}, opened on {row.host})"
        tally.end(Ending("dry_run", f"would do nothing: {waits.reason}" if waits else f"would {would}"))
        return
    asleep = snoozed(session)
    planned = Plan(0, asleep) if asleep else plan(session, session.limits.keys, would_reserve)
    if planned.ending is not None:
        tally.end(Ending("dry_run", f"would do nothing: {planned.ending.reason}"))
        return
    taken = gap.take(
        session.db, session.shape, session.rubric.version, planned.keys, session.limits.drift_rows, dry_run=True
    )
    batches = list(batches_of(taken.items, session.limits.batch_size))
    costs = forecast(session, batches)
    tally.note(cost_usd=costs.usd)
    tally.add(Counts(emitted=len(taken.items), missing=len(taken.items)))
    tally.end(
        Ending(
            "dry_run",
            f"would ask {session.backend.models[0]} on backend {session.backend.name} for "
            f"{counted(len(taken.items), 'item')} in {counted(len(batches), 'request')} by rubric "
            f"{session.rubric.version}, "
            f"and restore {counted(taken.restored, 'row')} without asking; {costs.text}",
        )
    )
