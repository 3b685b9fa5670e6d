"""Gap → wave: take a bounded set of items, write the wave's folder and batch files, open its row. Rows that
history can answer are restored on the way.

The folder comes first and the row second: `rescue` removes what a crash leaves between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC

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
from waves.store.gap import Reasked, Taken
from waves.store.shape.shape import Shape
from waves.store.tables import run_metrics, verdicts, waves
from waves.store.text import printable_key
from waves.words import counted

_KEYS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """The keys that the next wave may take. `ending` says why there are none."""

    keys: int
    ending: Ending | None


def resume_open_wave(session: Session) -> Wave | Ending | None:
    """The open wave of this theme, None if there is none; or the ending of the fire if it has to leave the wave to a
    person, because it is a pilot that nobody approved."""
    wave = find_open_wave(session)
    if wave is None:
        return None
    return approval_gate.pilot_ending(session, wave.manifest.kind, wave.manifest.rubric_version) or wave


def prepare(session: Session, keys: int) -> Wave | Ending:
    """Open a wave of at most `keys` items. Rows whose verdict is in history are restored on the way, without asking.
    Returns the ending `complete` if the gap is empty."""
    if (ending := snooze_ending(session)) is not None:
        return ending
    allowance = allow_keys(session, keys, reserve_keys)
    taken = _take_from_gap(session, allowance)
    if not taken.items:
        return _nothing_to_ask(session, taken)
    return allowance.ending or open_wave(session, taken.items)


def allow_keys(session: Session, keys: int, grant_keys: Callable[[Session, int], KeyGrant]) -> Allowance:
    """How many of `keys` keys the gate, the caps and the window allow now. `grant_keys` takes them from the window:
    `reserve_keys`, or `available_keys` for a preview that reserves nothing."""
    left = approval_gate.rows_left(session.db, session.theme, session.rubric.version, session.limits)
    if left is not None and left <= 0:
        return Allowance(0, approval_gate.unapproved_ending(session))
    if (ending := over_budget_ending(session)) is not None:
        return Allowance(0, ending)
    grant = grant_keys(session, keys if left is None else min(keys, left))
    return Allowance(grant.keys, None if grant.keys else grant.ending)


def _take_from_gap(session: Session, allowance: Allowance) -> Taken:
    """Take the allowed number of items and restore rows. Restoring costs nothing, so neither gate nor cap nor window
    holds it back: without an allowance one item is taken, which shows whether the gap is empty."""
    taken = gap.take(
        session.db,
        session.shape,
        session.rubric.version,
        allowance.keys or 1,
        session.limits.drift_rows,
        max_reasked_rate=session.limits.max_reasked_rate,
        run_id=session.run_id,
    )
    session.log.write(
        "taken",
        items=len(taken.items),
        restored=taken.restored,
        unreadable=len(taken.unreadable),
        cleared=taken.cleared,
    )
    if taken.uncleared:
        session.watcher.warned(uncleared_line(session.shape, taken.uncleared))
    run_metrics.record_taken(session.db, session.run_id, len(taken.items) + taken.restored, taken.restored)
    return taken


def _nothing_to_ask(session: Session, taken: Taken) -> Ending:
    if taken.reasked is not None:
        return Ending("held", reasked_line(session, taken.reasked))
    if taken.exhausted:
        return _gap_read_to_its_end(session, taken)
    if not taken.restored:
        return Ending(
            "not_converged", "rows wait to be restored, but none could be restored; the next fire tries again"
        )
    reason = f"restored {counted(taken.restored, 'row')} without asking; more are left for the next fire"
    return Ending("collected", reason, more=True)


def _gap_read_to_its_end(session: Session, taken: Taken) -> Ending:
    """It is empty, or every row that is left waits for something."""
    if taken.withheld:
        return approval_gate.withheld_ending(session, taken.withheld)
    if taken.unreadable:
        return Ending("held", unreadable_line(session.shape, taken.unreadable))
    if taken.waiting:
        ends = verdicts.next_retry(session.db, session.theme.theme_id, session.rubric.version)
        pause = f" from {ends.astimezone(UTC):%Y-%m-%d %H:%M:%SZ} on" if ends else ""
        return Ending("collected", f"{counted(taken.waiting, 'row')} failed before; a later fire asks again{pause}")
    return Ending("complete", uncleared_line(session.shape, taken.uncleared) if taken.uncleared else None)


def reasked_line(session: Session, reasked: Reasked) -> str:
    """The done rows that changed, and how a person lets them be asked again."""
    theme, about = session.theme.theme_id, "about " if reasked.estimated else ""
    return (
        f"{about}{reasked.edited:,} of {reasked.done:,} done rows of theme {theme} have changed since they were "
        f"judged, more than max_reasked_rate = {session.limits.max_reasked_rate:g}: none of them is asked again; "
        f"look at {session.shape.source}, then `wave config {theme} max_reasked_rate 1 --by NAME` lets fires ask, and "
        f"`wave config {theme} max_reasked_rate --unset --by NAME` guards again"
    )


def uncleared_line(shape: Shape, uncleared: Mapping[tuple[str, ...], str]) -> str:
    """The rows that go on showing a verdict about another text: their number, the errors, the first keys, what to
    do."""
    errors = ", ".join(sorted(set(uncleared.values())))
    shows = "row shows" if len(uncleared) == 1 else "rows show"
    return (
        f"{len(uncleared):,} {shows} a verdict about another text, because {shape.target} refuses to clear it: "
        f"{errors}; by key: {_first_keys(uncleared)}; let the target take DEFAULT or NULL there, clear them by hand, "
        f"or set `on_stale: keep` in theme.yaml"
    )


def unreadable_line(shape: Shape, unreadable: Mapping[tuple[str, ...], str]) -> str:
    """The rows that PostgreSQL cannot compute: their number, the errors, the first keys, and what to do."""
    errors = ", ".join(sorted(set(unreadable.values())))
    return (
        f"{counted(len(unreadable), 'row')} of {shape.source} cannot be read: {errors}; "
        f"by key: {_first_keys(unreadable)}; in the gap until {shape.source} or its rows are corrected"
    )


def _first_keys(rows: Mapping[tuple[str, ...], str]) -> str:
    keys = [printable_key("|".join(key)) for key in list(rows)[:_KEYS_SHOWN]]
    return ", ".join(keys) + (f" and {len(rows) - len(keys):,} more" if len(rows) > len(keys) else "")


def open_wave(session: Session, items: tuple[Item, ...], kind: WaveKind = "normal") -> Wave:
    """A wave of these items, on disk and in the database."""
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
