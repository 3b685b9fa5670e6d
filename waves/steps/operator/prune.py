"""Remove closed waves from disk. Only those that the database says are closed: a folder alone proves nothing."""

from __future__ import annotations

from waves.ids import new_run_id
from waves.spool import files, wave_dir
from waves.steps.session.locking import hold_locks
from waves.steps.session.session import Invocation, open_session
from waves.store.tables import waves


def prune(invocation: Invocation, *, dry_run: bool) -> list[str]:
    """The ids of waves that were removed, or would be."""
    with open_session(invocation, new_run_id(), read_only=True) as session:
        on_disk = set(wave_dir.wave_ids(session.data, session.theme.theme_id))
        closed = waves.closed_before(session.db, session.theme.theme_id, session.limits.keep_days)
        gone = [wave_id for wave_id in closed if wave_id in on_disk]
        if not dry_run and gone:
            with hold_locks(session):
                for wave_id in gone:
                    files.remove_tree(session.folder / "waves" / wave_id)
        return gone
