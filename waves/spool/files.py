"""The one module that writes files under `data/`.

A visible file is a complete file: everything is written under a temporary name in the folder where it belongs and
renamed when it is whole. Durable means on the disk, name included, when the call returns. A failed fsync is not
retried: the kernel has dropped the pages that it could not write, and a second fsync would report success. Each OSError
is raised as DiskError, with the path relative to `data/`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waves.spool.faults import disk_faults

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
# macOS: fsync leaves the data in the drive's own cache, this does not.
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
_SYNCS_AT_ONCE = 32  # the disk syncs several at once: measured 10 to 30 times faster than one by one
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def make_folder(path: Path, mode: int = 0o700, *, durable: bool = True) -> None:
    """Makes `path` with exactly `mode`, and missing folders above it. An existing folder is left as it is."""
    with disk_faults(path):
        if path.is_dir():
            return
        make_folder(path.parent, mode, durable=durable)
        with suppress(FileExistsError):
            path.mkdir(mode)
            path.chmod(mode)  # regardless of the umask
        if durable:
            _sync_path(path.parent)


def probe(folder: Path) -> None:
    """Checks that a file can be created, written and made durable here; DiskError if not."""
    path = folder / temporary_name()
    write_atomic(path, b"probe")
    _remove(path)


def require_room(folder: Path, size: int) -> None:
    """DiskError if the disk has fewer than `size` bytes left for us."""
    with disk_faults(folder):
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < size:
            raise OSError(errno.ENOSPC, "")


def read_file(path: Path) -> bytes:
    with disk_faults(path):
        return path.read_bytes()


def temporary_name() -> str:
    """A name that `sweep_temporary` removes and that readers skip."""
    return f".{os.urandom(8).hex()}.tmp"


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Puts a complete file at `path`, replacing an existing one. If not `durable`, `sync_files` can follow."""
    temporary = path.parent / temporary_name()
    with disk_faults(path):
        try:
            _write_new(temporary, data, durable=durable)
            temporary.rename(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            _sync_path(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder under a temporary name, to be filled with files that need not be durable yet. When the block ends, all
    of it is made durable, then visible as `path`; if the block fails, nothing is left of it."""
    building = path.parent / temporary_name()
    folder = building
    try:
        make_folder(building, durable=False)
        yield building
        with disk_faults(path):
            for place, _, names in os.walk(building, topdown=False):
                for name in [*names, "."]:
                    _sync_path(Path(place, name))
            folder = building.rename(path)
            _sync_path(path.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class Appender:
    """A new file that only grows. After a failed call nothing more is appended: a torn line stays the last line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = False
        with disk_faults(path):
            self._fd = os.open(path, _NEW | os.O_APPEND, 0o600)
            try:
                _sync_path(path.parent)
            except OSError:
                os.close(self._fd)
                raise

    def append(self, data: bytes) -> None:
        """Appends all of `data`, or raises DiskError. It survives this process; a power failure only after `sync`."""
        with self._or_broken():
            _write_all(self._fd, data)

    def sync(self) -> None:
        with self._or_broken():
            _sync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            with disk_faults(self._path):
                fd, self._fd = self._fd, -1
                os.close(fd)

    @contextmanager
    def _or_broken(self) -> Iterator[None]:
        with disk_faults(self._path):
            if self._broken:
                raise OSError(errno.EIO, "an earlier write failed")
            try:
                yield
            except OSError:
                self._broken = True
                raise


def sync_files(paths: Iterable[Path]) -> None:
    """Makes files and their names durable: each file, then each of their folders once.

    A file that cannot be synced is removed: the page cache would still show what the disk may not have.
    """
    from concurrent.futures import ThreadPoolExecutor

    files = list(paths)
    workers = range(min(_SYNCS_AT_ONCE, len(files)))
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as threads:
        # `list` reads each result: a DiskError of any thread is raised here, before a folder is synced.
        list(threads.map(_sync_each, [files[start :: len(workers)] for start in workers]))
        list(threads.map(sync_folder, dict.fromkeys(path.parent for path in files)))


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable."""
    with disk_faults(folder):
        _sync_path(folder)


def sweep_temporary(folder: Path) -> int:
    """Removes what a crash left half-written in and below `folder`. Returns how many names. Only under the lock."""
    swept = 0
    with disk_faults(folder):
        for place, folders, names in os.walk(folder):
            for name in [*folders, *names]:
                if _TEMPORARY.fullmatch(name):
                    _remove(Path(place, name))
                    swept += 1
            folders[:] = [name for name in folders if not _TEMPORARY.fullmatch(name)]
    return swept


def remove_file(path: Path) -> None:
    """Removes a file if it exists; durable."""
    with disk_faults(path):
        path.unlink(missing_ok=True)
        _sync_path(path.parent)


def remove_tree(path: Path) -> None:
    """Removes a folder with its contents. It is hidden first, so that a crash leaves no part of it visible."""
    with disk_faults(path):
        hidden = path.parent / temporary_name()
        path.rename(hidden)
        _remove(hidden)
        _sync_path(path.parent)


def set_aside(path: Path, folder: Path) -> Path:
    """Moves `path` into `folder` without overwriting anything there. Returns the new path."""
    make_folder(folder)
    with disk_faults(path):
        aside, n = folder / path.name, 1
        while os.path.lexists(aside):
            aside, n = folder / f"{path.name}.{n}", n + 1
        path.rename(aside)
        _sync_path(folder)
        _sync_path(path.parent)
        return aside


def _write_new(path: Path, data: bytes, *, durable: bool) -> None:
    fd = os.open(path, _NEW, 0o600)
    try:
        _write_all(fd, data)
        if durable:
            _sync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync(fd: int) -> None:
    if _FULL_SYNC is None:
        os.fsync(fd)
    else:
        fcntl.fcntl(fd, _FULL_SYNC)


def _sync_each(paths: Iterable[Path]) -> None:
    for path in paths:
        with disk_faults(path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)  # if that stops at the drive's cache, the sync of the folder flushes it for all
            except OSError:
                with suppress(OSError):
                    path.unlink()
                raise
            finally:
                os.close(fd)


def _sync_path(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _sync(fd)
    finally:
        os.close(fd)


def _remove(path: Path) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()
