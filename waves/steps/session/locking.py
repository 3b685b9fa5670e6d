"""One fire per theme: on this host by file locks, against other hosts by an advisory lock and the wave's row."""

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

LOOK_EVERY = 10.0
"""Seconds between looks at the lock against other hosts."""


class Guard:
    """The lock against other hosts, looked at now and then; losing it is a wish to stop."""

    def __init__(self, stop: Stop, lock: HostLock) -> None:
        self._stop = stop
        self._lock = lock
        self._looked = time.monotonic()

    def look(self) -> None:
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        if not self._lock.held():
            self._stop.request("the lock against other hosts was lost")


@contextmanager
def locked(session: Session) -> Iterator[Guard]:
    """Hold all locks of the theme while the block runs, or raise LockedError."""
    files.make_folder(session.folder)
    with locks.theme_lock(session.folder):
        other = HostLock(session.db.url, session.theme.theme_id)
        if not other.acquire():
            raise LockedError(
                f"theme {session.theme.theme_id} is being fired on another host", "Nothing to do: the next tick goes on"
            )
        try:
            _refuse_foreign_wave(session)
            yield Guard(session.stop, other)
        finally:
            other.release()


def _refuse_foreign_wave(session: Session) -> None:
    wave = waves.current(session.db, session.theme.theme_id)
    if wave is not None and wave.host != session.host:
        raise LockedError(
            f"wave {wave.wave_id} of theme {session.theme.theme_id} is open on host {wave.host}",
            f"Let that host finish it, or give it up with `wave takeover {session.theme.theme_id} --by NAME`.",
        )
