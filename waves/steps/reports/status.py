"""The status of a theme. Read-only, also while a fire runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Theme
from waves.models import Counts
from waves.spool import wave_dir
from waves.spool.wave_dir import WaveDir
from waves.steps import approval_gate
from waves.steps.reports.quota import BackendQuota, backend_quota
from waves.steps.session.backend_chain import backend_chain, first_awake
from waves.steps.session.session import effective_limits
from waves.steps.session.versions import versions_on_disk
from waves.steps.session.wave import load_wave, split_items
from waves.steps.submissions.progress import noted_progress
from waves.store import gap
from waves.store.catalog import describe as catalog
from waves.store.connect import Database
from waves.store.gap import Census
from waves.store.rubrics import rubric_registry
from waves.store.tables import ledger, run_metrics, verdicts, waves
from waves.store.tables.ledger import Spend
from waves.store.tables.run_metrics import Run

RUNS = 5
"""The number of last runs that are reported, dry runs included."""


@dataclass(frozen=True, slots=True)
class WaveStatus:
    """The open wave; `counts` is None if its folder is not on this host. `reason` says of a submitted wave how much is
    in flight, for how long, and what the last visit to the provider found."""

    wave_id: str
    state: str
    kind: str
    host: str
    reason: str | None
    counts: Counts | None
    corrupt_parts: int


@dataclass(frozen=True, slots=True)
class ThemeStatus:
    """`newest_version` is that of the newest rubric file: it differs from `rubric_version` if it waits for activation,
    and is None if there is no file. `has_file`: the file of `rubric_version` is there as it was registered. Fires may
    take `rows_left` more rows before somebody approves the version, None: any number."""

    theme_id: str
    rubric_version: str
    newest_version: str | None
    has_file: bool
    approved: bool
    rows_left: int | None
    backend: str
    census: Census
    wave: WaveStatus | None
    quota: BackendQuota
    last_run: Run | None
    runs: list[Run]
    spend: Spend
    keys_per_wave: int

    @property
    def percent(self) -> float:
        """See `Census`."""
        return self.census.percent

    @property
    def waves_left(self) -> int:
        return -(-self.census.missing // self.keys_per_wave)


def status(project: Project, db: Database, theme_id: str) -> ThemeStatus:
    """The theme's status. Writes nothing."""
    theme = themes.load(project.prompts, theme_id)
    files = versions_on_disk(theme)
    active = rubric_registry.active(db, theme_id)
    version = active.version if active else rubrics.newest(theme.folder).version
    backend = first_awake(db, backend_chain(project, theme, None))
    limits = effective_limits(project, db, theme)
    return ThemeStatus(
        theme_id=theme_id,
        rubric_version=version,
        newest_version=next(reversed(files), None),
        has_file=version in files,
        approved=active is not None and active.rows_for(theme.source.input) is not None,
        rows_left=approval_gate.rows_left(db, theme, version, limits),
        backend=backend.name,
        census=gap.census(db, catalog.describe(db, theme), version),
        wave=_wave_status(project, db, theme),
        quota=backend_quota(db, backend),
        last_run=next(map(_as_it_stands, run_metrics.last_runs(db, theme_id, 1, dry_runs=False)), None),
        runs=list(map(_as_it_stands, run_metrics.last_runs(db, theme_id, RUNS))),
        spend=ledger.theme_spend(db, theme_id),
        keys_per_wave=limits.keys,
    )


def _as_it_stands(run: Run) -> Run:
    """The run, as `died` if it is open and its process is gone from this host: only the next fire closes its row."""
    if run.state != "running" or run.host != socket.gethostname():
        return run
    import psutil

    if psutil.pid_exists(run.pid):
        return run
    return replace(run, state="died", error_summary="its process is gone; the next fire goes on from where it stopped")


def _wave_status(project: Project, db: Database, theme: Theme) -> WaveStatus | None:
    row = waves.current(db, theme.theme_id)
    if row is None:
        return None
    counts, corrupt, reason = None, 0, row.reason
    if row.wave_id in wave_dir.wave_ids(project.data, theme.theme_id):
        wave = load_wave(WaveDir.open(project.data, theme.theme_id, row.wave_id, db.installation))
        valid, corrupt_paths = wave.parts.read()
        counts = split_items(wave.manifest, valid, verdicts.settled_items(db, row.wave_id)).counts()
        corrupt = len(corrupt_paths)
        if row.state == "submitted":
            reason = noted_progress(wave.folder.history().unfinished, reason)
    return WaveStatus(row.wave_id, row.state, row.kind, row.host, reason, counts, corrupt)
