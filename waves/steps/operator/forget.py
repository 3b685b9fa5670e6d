"""Erasure: a row's traces leave the schema `waves` and the theme's folder on this host. The user's own tables are the
user's. Idempotent: what a kill leaves, the next try finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from waves.config.project import Project
from waves.errors import NeedsPersonError
from waves.ids import new_run_id
from waves.spool import erasure, log_erasure
from waves.spool.wave_dir import WaveDir
from waves.steps.rescue import rescue
from waves.steps.session.locking import hold_locks
from waves.steps.session.session import Invocation, Session, open_session
from waves.store.tables import audit, forget, waves
from waves.store.tables.forget import Attribution, RowToForget, Traces


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What there was of the rows together. `other_hosts` had waves of the theme, too: their disks are not ours."""

    rows: int
    traces: dict[str, int] = field(hash=False)
    other_hosts: list[str] = field(hash=False)

    @property
    def any(self) -> bool:
        return any(self.traces.values())


def forget_rows(
    project: Project, theme_id: str, keys: Sequence[str], *, by: str, reason: str, dry_run: bool
) -> Forgotten:
    """Erase what is known of these rows, or only say how much it is."""
    wanted = sorted({audit.stored_key(key) for key in keys})
    with open_session(Invocation(project, theme_id, {}), new_run_id(), read_only=True) as session:
        with nullcontext() if dry_run else hold_locks(session):
            if not dry_run:
                rescue(session)  # what was paid for is in history before answers lose their text
            _refuse_open_wave(session, wanted)
            counts = [_forget(session, key, by=by, reason=reason, dry_run=dry_run) for key in wanted]
        traces = {name: sum(one[name] for one in counts) for name in counts[0]}
        return Forgotten(len(wanted), traces, forget.other_hosts(session.db, theme_id, session.host))


def _refuse_open_wave(session: Session, keys: Sequence[str]) -> None:
    theme = session.theme.theme_id
    row = waves.current(session.db, theme)
    if row is None or row.host != session.host:
        return
    manifest = WaveDir.open(session.data, theme, row.wave_id, session.db.installation).manifest
    if any(item.entity_key in keys for item in manifest.items):
        raise NeedsPersonError(
            f"wave {row.wave_id} of theme {theme} is open and holds a row that is to be forgotten",
            f"Finish it with `wave {'approve' if row.kind == 'pilot' else 'fire'} {theme}"
            f"{' --by NAME' if row.kind == 'pilot' else ''}`, or give it up with `wave abandon {theme} --by NAME`; "
            "then forget.",
        )


def _forget(session: Session, key: str, *, by: str, reason: str, dry_run: bool) -> dict[str, int]:
    """Logs, then database, then files: verdicts tell whose logs may name the row, and its manifests, which go last of
    all, which texts are its own."""
    theme, folder = session.theme.theme_id, session.folder
    known = erasure.find_traces(folder, key)
    held = known.wave_ids | forget.waves_of(session.db, theme, key)
    row = RowToForget(theme, key, known.wave_ids, known.calls, known.texts)
    attribution = Attribution(by, reason, session.run_id)
    logs = log_erasure.erase(session.data, theme, forget.spellings(key), held, forget.BLANK, dry_run=dry_run)
    traces = forget.erase(session.db, row, attribution, dry_run=dry_run)
    files = logs + erasure.erase(folder, key, known.texts, dry_run=dry_run)
    if files and not dry_run:
        forget.record_forgotten(session.db, row, {"files": files}, attribution)
    return {**_counts(traces), "files": files}


def _counts(traces: Traces) -> dict[str, int]:
    return {name: getattr(traces, name) for name in traces.__slots__}
