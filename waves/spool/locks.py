"""One fire per theme and host, and never two generations of workers that spend at the same time.

`lock` belongs to the runner. `workers.lock` is held shared by each worker and each child of a worker; a new runner must
hold it exclusively once before it starts. Both are flocks: the kernel releases them when the holder dies, regardless of
the files' content, and the files stay.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from waves.errors import LockedError
from waves.spool.faults import disk_faults
from waves.spool.files import make_folder

WORKERS_LOCK = "workers.lock"
_LOCK = "lock"
_GLANCE = 1.0  # seconds that calls of `locked` may delay a fire; a call holds the lock for microseconds
_POLL = 0.02  # seconds


@contextmanager
def theme_lock(folder: Path, patience: float = 15.0) -> Iterator[None]:
    """Holds the lock of the theme with this folder under `data/`. LockedError at once if a fire runs, and after
    `patience` seconds if workers of an earlier fire still run. DiskError if the file system has no locks."""
    from filelock import FileLock, Timeout

    make_folder(folder.parent, 0o711)
    make_folder(folder)
    lock = FileLock(folder / _LOCK, mode=0o600, blocking=False, thread_local=False, fallback_to_soft=False)

    def acquired() -> bool:
        try:
            lock.acquire()
        except Timeout:
            if locked(folder):
                raise LockedError(f"theme {folder.name} is at work already on this host", "Let it finish.") from None
            return False  # another process is in `locked` right now
        return True

    with disk_faults(folder / _LOCK):
        free = _within(_GLANCE, acquired)
    if not free:
        raise LockedError(f"the lock of theme {folder.name} is in use on this host", "Try again in a moment.")
    try:
        _outlast_workers(folder, patience)
        yield
    finally:
        lock.release()


def locked(folder: Path) -> bool:
    """Whether a fire of this theme runs on this host. Creates no file; a fire that starts meanwhile is not hindered."""
    path = folder / _LOCK
    with disk_faults(path):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _flocked(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)


def _outlast_workers(folder: Path, patience: float) -> None:
    path = folder / WORKERS_LOCK
    with disk_faults(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            alone = _within(patience, lambda: _flocked(fd, fcntl.LOCK_EX))
        finally:
            os.close(fd)  # releases the lock: the new workers share it
    if not alone:
        raise LockedError(
            f"workers of theme {folder.name} from before still run after {patience:g} s",
            f"They end by themselves; `fuser -v` on {WORKERS_LOCK} in the theme's data folder names them.",
        )


def _within(seconds: float, attempt: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not attempt():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def _flocked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # some file systems return EACCES, others EAGAIN
        return False
    return True
