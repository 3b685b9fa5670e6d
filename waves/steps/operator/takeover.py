"""Gives up a wave that another host has open, e.g. because that host is gone."""

from __future__ import annotations

from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ConfigurationError, LockedError
from waves.store.connect import open_database
from waves.store.host_lock import HostLock
from waves.store.tables import waves
from waves.store.tables.waves import WaveRow


def takeover(project: Project, theme_id: str, *, by: str, reason: str) -> WaveRow:
    """Returns the wave that was given up. LockedError if a host works on it right now."""
    themes.load(project.prompts, theme_id)
    with open_database(project) as db:
        row = waves.current(db, theme_id)
        if row is None:
            raise ConfigurationError(f"theme {theme_id} has no open wave", "There is nothing to take over.")
        lock = HostLock(db.url, theme_id)
        if not lock.acquire():
            raise LockedError(f"host {row.host} is firing theme {theme_id} right now", "Stop that fire first.")
        try:
            waves.abandon(db, row.wave_id, actor=by, reason=reason or "taken over")
        finally:
            lock.release()
    return row
