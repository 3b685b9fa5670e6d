"""One fire: the whole cycle of a theme, read from top to bottom. Every step is idempotent: what a SIGKILL leaves at any
point, the next fire puts right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from waves.config import project as projects
from waves.config.project import Project
from waves.errors import LockedError, WaveError
from waves.ids import new_run_id
from waves.models import Ending, FireReport
from waves.steps.collect import collect
from waves.steps.dry_run import foresee
from waves.steps.on_complete import complete
from waves.steps.prepare import go_on, prepare
from waves.steps.recording import Tally, begun
from waves.steps.requests.settlement import standing
from waves.steps.run import run
from waves.steps.session.locking import Guard
from waves.steps.session.session import Opening, Session, Watcher
from waves.steps.submissions.carry import fetch
from waves.steps.superseded import overtaken, winds_up


@dataclass(frozen=True, slots=True)
class Order:
    """What a fire was asked for; None means: as the theme's limits say."""

    keys: int | None = None
    parallel: int | None = None
    backend: str | None = None
    dry_run: bool = False
    until_complete: bool = False
    trigger: str = "shell"

    @property
    def flags(self) -> dict[str, int | None]:
        return {"keys": self.keys, "parallel": self.parallel}


def run_once(
    theme_id: str,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    parallel: int | None = None,
    backend: str | None = None,
    project: Project | None = None,
) -> FireReport:
    """One fire, what `wave fire THEME` does. `limit` bounds the keys. Raises the fault that ended it, if any."""
    order = Order(keys=limit, parallel=parallel, backend=backend, dry_run=dry_run, trigger="python")
    report = fire(project or projects.load(), theme_id, order)
    if report.fault is not None:
        raise report.fault
    return report


def fire(project: Project, theme_id: str, order: Order, watcher: Watcher | None = None) -> FireReport:
    """One fire; a fault comes back in the report, beside the counts of what was done before it."""
    started = time.monotonic()
    tally = Tally(FireReport(theme_id, new_run_id(), Ending("failed"), 0))
    opening = Opening(project, theme_id, order.flags, order.backend, order.trigger, watcher)
    try:
        if order.dry_run:
            foresee(opening, tally)
        else:
            with begun(opening, tally, asks=True) as (session, guard):
                tally.end(complete(session, guard, drain(session, order, guard, tally)))
    except LockedError as fault:
        tally.end(Ending("locked", fault.line))
    except WaveError as fault:
        tally.note(fault=fault)
        tally.end(Ending("failed", fault.message))
    return replace(tally.report, duration_ms=round((time.monotonic() - started) * 1000))


def drain(session: Session, order: Order, guard: Guard, tally: Tally) -> Ending:
    """(open wave, or prepare → run → collect)* until the keys are used up, the gap is empty, or something ends it."""
    keys_left = session.limits.keys
    while keys_left > 0:
        if session.stop.reason:
            return Ending("interrupted", session.stop.reason)
        if (other := overtaken(session)) is not None:
            return other
        wave = go_on(session) or prepare(session, keys_left)
        if isinstance(wave, Ending) and wave.state == "collected" and order.until_complete:
            continue
        if isinstance(wave, Ending):
            return wave
        tally.note(wave_id=wave.wave_id)
        as_it_stands = winds_up(session, wave)
        asked = 0 if as_it_stands else len(standing(session, wave).missing)
        ending = fetch(session, wave, guard) if as_it_stands else run(session, wave, guard)
        merged = collect(session, wave, partial=as_it_stands) if ending is None else ending
        if isinstance(merged, Ending):
            tally.add(standing(session, wave).counts())
            return merged
        tally.add(merged)
        keys_left = session.limits.keys if order.until_complete else keys_left - asked
    return Ending("collected")
