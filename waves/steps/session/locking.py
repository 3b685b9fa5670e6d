"""One fire per theme: file locks keep out other fires on this host, an advisory lock and the wave's row those on other
hosts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from waves.errors import LockedError
from waves.spool import files, locks
from waves.steps.session.session import Session
from waves.steps.session.signals import Stop
from waves.store.host_lock import HostLock
from waves.store.tables import waves

CHECK_EVERY = 10.0
"""Seconds between checks of the lock against other hosts."""


class Guard:
    """Checks from time to time that the lock against other hosts is still held, and requests a stop if it was lost."""

    def __init__(self, stop: Stop, lock: HostLock) -> None:
        self._stop = stop
        self._lock = lock
        self._checked_at = time.monotonic()

    def check(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_EVERY:
            return
        self._checked_at = time.monotonic()
        if not self._lock.held():
            self._stop.request("the lock against other hosts was lost")


@contextmanager
def hold_locks(session: Session) -> Iterator[Guard]:
    """Hold all locks of the theme while the block runs, or raise LockedError."""
    files.make_folder(session.folder)
    with locks.theme_lock(session.folder):
        host_lock = HostLock(session.db.url, session.theme.theme_id)
        if not host_lock.acquire():
            raise LockedError(
                f"theme {session.theme.theme_id} is being fired on another host",
                "Nothing to do: the next cron tick tries again",
            )
        try:
            _refuse_foreign_wave(session)
            yield Guard(session.stop, host_lock)
        finally:
            host_lock.release()


def _refuse_foreign_wave(session: Session) -> None:
    wave = waves.current(session.db, session.theme.theme_id)
    if wave is not None and wave.host != session.host:
        raise LockedError(
            f"wave {wave.wave_id} of theme {session.theme.theme_id} is open on host {wave.host}",
            f"Let that host finish it, or give it up with `wave takeover {session.theme.theme_id} --by NAME`.",
        )
