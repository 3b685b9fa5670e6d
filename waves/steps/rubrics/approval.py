"""Approval: the gate opens for a version and the columns that it judges, and its pilot is merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Theme
from waves.errors import ApprovalError, TryLaterError
from waves.models import Counts, Ending
from waves.spool import wave_dir
from waves.spool.wave_dir import WaveDir
from waves.steps.collect import collect
from waves.steps.recording import recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.session.session import Invocation, Session
from waves.steps.session.versions import load_rubric, register
from waves.steps.session.wave import find_open_wave, load_wave, split_items
from waves.store.catalog import describe as catalog
from waves.store.connect import Database, open_database
from waves.store.rubrics import rubric_registry
from waves.store.tables import verdicts, waves
from waves.store.tables.waves import WaveRow


@dataclass(frozen=True, slots=True)
class PilotMerge:
    """What became of the version's pilot. `into` says where its verdicts went: the target if the version is active,
    else history alone. None: they are not merged yet, for the reason that `ending` gives."""

    wave_id: str
    ending: Ending
    counts: Counts | None = None
    into: Literal["target", "history"] | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    version: str
    max_rows: int | None
    input_columns: tuple[str, ...]
    pilot: PilotMerge | None = None


def approve(
    project: Project, theme_id: str, *, by: str, version: str | None, max_rows: int | None, reason: str
) -> Approval:
    """Open the gate for `version`, by default that of the open pilot, else the active one. A version that is only a
    file is registered first. A pilot of the version has to be complete, and is merged."""
    theme = themes.load(project.prompts, theme_id)
    columns = theme.source.input
    with open_database(project) as db:
        catalog.describe(db, theme)
        rubric_registry.ensure_theme(db, theme_id)
        row = waves.current(db, theme_id)
        pilot = row if row is not None and row.kind == "pilot" else None
        rubric = load_rubric(db, theme, _default_version(db, theme, pilot) if version is None else version)
        if pilot is not None and pilot.rubric_version != rubric.version:
            pilot = None
        if pilot is not None:
            _require_complete(project, db, theme, pilot)
        register(db, theme, rubric, by=by)
        rubric_registry.approve(db, theme_id, rubric.version, by, max_rows, reason, columns)
    invocation = Invocation(project, theme_id, {}, trigger="approve", version=rubric.version)
    return Approval(rubric.version, max_rows, columns, None if pilot is None else _merge(invocation, pilot))


def _default_version(db: Database, theme: Theme, pilot: WaveRow | None) -> str:
    if pilot is not None:
        return pilot.rubric_version
    active = rubric_registry.active(db, theme.theme_id)
    return active.version if active else rubrics.newest(theme.folder).version


def _require_complete(project: Project, db: Database, theme: Theme, pilot: WaveRow) -> None:
    """A person decides on the whole pilot, judged by the columns that the theme has now."""
    name, version = theme.theme_id, pilot.rubric_version
    if pilot.wave_id not in wave_dir.wave_ids(project.data, name):
        raise TryLaterError(
            f"the pilot of rubric {version} is on host {pilot.host}",
            f"Approve it there, or give it up: `wave takeover {name} --by NAME`.",
        )
    wave = load_wave(WaveDir.open(project.data, name, pilot.wave_id, db.installation))
    if any(item.input.keys() != set(theme.source.input) for item in wave.manifest.items):
        raise ApprovalError(
            f"the pilot of rubric {version} judged other columns than source.input has now",
            f"Give it up with `wave abandon {name} --by NAME`, and run another one.",
        )
    valid, _ = wave.parts.read()
    missing = len(split_items(wave.manifest, valid, verdicts.settled_items(db, pilot.wave_id)).missing)
    if missing:
        raise TryLaterError(
            f"the pilot of rubric {version} is not complete: {missing} of {len(wave.manifest.items)} rows are missing",
            f"`wave pilot {name} --version {version}` continues it; `wave abandon {name} --by NAME` gives it up.",
        )


def _merge(invocation: Invocation, pilot: WaveRow) -> PilotMerge:
    """If another fire holds the locks, the merge is left to the next fire: the version is approved by now."""
    into: Literal["target", "history"] | None = None
    with reported(invocation.theme_id) as builder, recorded_session(invocation, builder) as (session, _guard):
        wave = find_open_wave(session)
        if wave is None or wave.wave_id != pilot.wave_id:
            builder.end(Ending("complete", f"pilot {pilot.wave_id} was merged or given up meanwhile"))
            return PilotMerge(pilot.wave_id, builder.report.ending)
        builder.note(wave_id=wave.wave_id)
        collected = collect(session, wave, read_wave(session, wave))
        if collected.ending is not None:
            builder.end(collected.ending)
            return PilotMerge(pilot.wave_id, collected.ending)
        builder.add(collected.counts)
        builder.end(Ending("collected"))
        into = _where_verdicts_went(session, pilot)
    report = builder.report.or_raise()
    if report.ending.state == "locked":
        ending = Ending("locked", "another fire of the theme is running; the next fire merges it")
        return PilotMerge(pilot.wave_id, ending)
    return PilotMerge(pilot.wave_id, report.ending, report.counts, into)


def _where_verdicts_went(session: Session, pilot: WaveRow) -> Literal["target", "history"]:
    active = rubric_registry.active(session.db, session.theme.theme_id)
    is_active = active is not None and active.version == pilot.rubric_version
    return "target" if is_active and session.theme.target is not None else "history"
