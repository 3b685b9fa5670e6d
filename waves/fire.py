"""One fire: the whole cycle of a theme, read from top to bottom. Every step is idempotent: the next fire repairs what a
SIGKILL leaves behind at any point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from waves.config import project as projects
from waves.config.project import Project
from waves.fire_report import FireReport
from waves.models import Ending
from waves.steps.collect import Collected, collect
from waves.steps.dry_run import preview_fire
from waves.steps.on_complete import run_on_complete
from waves.steps.prepare import prepare, resume_open_wave
from waves.steps.recording import ReportBuilder, recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session.backend_chain import next_backend
from waves.steps.session.locking import Guard
from waves.steps.session.session import Invocation, Session, Watcher
from waves.steps.session.wave import Wave, WaveContents
from waves.steps.submissions.carry import fetch_submitted
from waves.steps.superseded import is_superseded, superseded_ending


@dataclass(frozen=True, slots=True)
class FireOptions:
    """What a fire was started with. None: the theme's limit applies."""

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
    """One fire, as `wave fire THEME` runs it. `limit` bounds the keys. Raises the fault that ended the fire, if any."""
    options = FireOptions(keys=limit, parallel=parallel, backend=backend, dry_run=dry_run, trigger="python")
    return fire(project or projects.load(), theme_id, options).or_raise()


def fire(project: Project, theme_id: str, options: FireOptions, watcher: Watcher | None = None) -> FireReport:
    """One fire. A fault is part of the report, beside the counts of what was done before it."""
    invocation = Invocation(project, theme_id, options.flags, options.backend, options.trigger, watcher)
    with reported(theme_id) as builder:
        if options.dry_run:
            preview_fire(invocation, builder)
        else:
            with recorded_session(invocation, builder, asks=True) as (session, guard):
                ending = fire_waves(session, options, guard, builder)
                builder.end(run_on_complete(session, guard, ending))
    return builder.report


def fire_waves(session: Session, options: FireOptions, guard: Guard, builder: ReportBuilder) -> Ending:
    """(open wave, or a new one → run → collect)* until the keys are used up, the gap is empty, or something ends it. A
    backend that falls asleep ends it only if no other of the theme's chain is awake."""
    keys_left, used = session.limits.keys, {session.backend.name}
    while keys_left > 0:
        ending, asked = fire_wave(session, options, keys_left, guard, builder)
        if (
            ending is not None
            and ending.state == "snoozed"
            and (other := next_backend(session.db, session.chain, used))
        ):
            session.watcher.warned(f"{ending.reason}; the fire goes on through {other.name}")
            used.add(other.name)
            session = replace(session, backend=other)
        elif ending is not None:
            return ending
        else:
            keys_left = session.limits.keys if options.until_complete else keys_left - asked
    return Ending("collected")


def fire_wave(
    session: Session, options: FireOptions, keys: int, guard: Guard, builder: ReportBuilder
) -> tuple[Ending | None, int]:
    """One wave of at most `keys` items. Returns why the fire ends with it, if it does, and the number of keys asked."""
    if (ending := session.stop.ending or superseded_ending(session)) is not None:
        return ending, 0
    match resume_open_wave(session) or prepare(session, keys):
        case Ending(more=True) if options.until_complete:
            return None, 0  # rows were restored without asking, and more are left
        case Ending() as ending:
            return ending, 0
        case wave:
            builder.note(wave_id=wave.wave_id)
    contents = read_wave(session, wave)
    collected, asked = finish_wave(session, wave, contents, guard)
    builder.add(collected.counts)
    return collected.ending, asked


def finish_wave(session: Session, wave: Wave, contents: WaveContents, guard: Guard) -> tuple[Collected, int]:
    """Run → collect. A wave whose version is no longer active asks nothing more and is collected as it is. Returns what
    was collected, and the number of keys that were asked for."""
    superseded = is_superseded(session, wave)
    step, asked = (fetch_submitted, 0) if superseded else (run, len(contents.progress.missing))
    result = step(session, wave, contents, guard)
    if result.ending is not None:
        return Collected(result.contents.counts, result.ending), asked
    return collect(session, wave, result.contents, partial=superseded), asked
