"""OSError → DiskError, in one table: the path relative to `data/`, the system's reason, and what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waves.errors import DiskError

_IN_A_WAVE = re.compile(r"[^/]+/waves(/(\.|\d{8}T)[^/]*(/.*)?)?$")

_NO_SPACE = "Make room on this disk, then fire again: what was paid for is kept."
_NO_RIGHT = "Make the data folder writable for the user that fires."
_TOO_MANY = "Raise the limit on open files (ulimit -n), then fire again."
_NO_LOCKS = "This file system has no locks: point `data:` in waves.yaml to a local disk."
_HINTS: dict[int | None, str] = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "Raise the limit on the size of a file (ulimit -f), then fire again.",
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: "This file system is read-only: mount it writable, or point `data:` in waves.yaml elsewhere.",
    errno.EIO: "Check this disk before the next fire; what it lost of a wave is rebuilt from the journal.",
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.ENOENT: "It was moved or removed meanwhile: leave the data folder alone while a fire runs.",
    errno.ENOSYS: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
    errno.ENOLCK: _NO_LOCKS,
}


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turns an OSError about `path` into a DiskError."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        hint = _HINTS.get(error.errno, "Check the data folder and its disk, then fire again.")
        raise DiskError(f"{_relative(path)}: {reason}", hint) from error


def _relative(path: Path) -> str:
    inside = _IN_A_WAVE.search(path.as_posix())
    return inside.group() if inside else "/".join(path.parts[-2:])
