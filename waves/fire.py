"""One fire: the whole cycle of a theme, read from top to bottom. Every step is idempotent: what a SIGKILL leaves at any
point, the next fire puts right.
"""

from __future__ import annotations

from dataclasses import dataclass

from waves.config import project as projects
from waves.config.project import Project
from waves.models import Ending, FireReport
from waves.steps.collect import collect
from waves.steps.dry_run import foresee
from waves.steps.on_complete import complete
from waves.steps.prepare import prepare, resume_open_wave
from waves.steps.recording import ReportBuilder, recorded_session, reported
from waves.steps.requests.settlement import read_progress
from waves.steps.run import run
from waves.steps.session.locking import Guard
from waves.steps.session.session import Invocation, Session, Watcher
from waves.steps.submissions.carry import fetch
from waves.steps.superseded import overtaken, winds_up


@dataclass(frozen=True, slots=True)
class FireOptions:
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
    order = FireOptions(keys=limit, parallel=parallel, backend=backend, dry_run=dry_run, trigger="python")
    return fire(project or projects.load(), theme_id, order).or_raise()


def fire(project: Project, theme_id: str, order: FireOptions, watcher: Watcher | None = None) -> FireReport:
    """One fire; a fault comes back in the report, beside the counts of what was done before it."""
    invocation = Invocation(project, theme_id, order.flags, order.backend, order.trigger, watcher)
    with reported(theme_id) as builder:
        if order.dry_run:
            foresee(invocation, builder)
        else:
            with recorded_session(invocation, builder, asks=True) as (session, guard):
                builder.end(complete(session, guard, fire_waves(session, order, guard, builder)))
    return builder.report


def fire_waves(session: Session, order: FireOptions, guard: Guard, builder: ReportBuilder) -> Ending:
    """(open wave, or prepare → run → collect)* until the keys are used up, the gap is empty, or something ends it."""
    keys_left = session.limits.keys
    while keys_left > 0:
        if session.stop.reason:
            return Ending("interrupted", session.stop.reason)
        if (other := overtaken(session)) is not None:
            return other
        wave = resume_open_wave(session) or prepare(session, keys_left)
        if isinstance(wave, Ending) and wave.state == "collected" and order.until_complete:
            continue
        if isinstance(wave, Ending):
            return wave
        builder.note(wave_id=wave.wave_id)
        as_it_stands = winds_up(session, wave)
        asked = 0 if as_it_stands else len(read_progress(session, wave).missing)
        ending = fetch(session, wave, guard) if as_it_stands else run(session, wave, guard)
        merged = collect(session, wave, partial=as_it_stands) if ending is None else ending
        if isinstance(merged, Ending):
            builder.add(read_progress(session, wave).counts())
            return merged
        builder.add(merged)
        keys_left = session.limits.keys if order.until_complete else keys_left - asked
    return Ending("collected")
