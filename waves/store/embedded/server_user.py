"""The user that the embedded server runs as. PostgreSQL refuses to run as root, so root gives it a user of its own,
`pgserver`; for any other user this module does nothing.

That user must reach its folder and the wheel's programs: the folders above them get the right to be traversed (o+x: not
to be listed or read), and no more.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from waves.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = "_postgres" if sys.platform == "darwin" else "pgserver"
_log = logging.getLogger(__name__)


class ServerUser(TypedDict, total=False):
    """The arguments with which `subprocess.run` runs a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


def run_as() -> ServerUser:
    if os.geteuid() != 0:
        return {}
    user = _user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def prepare(home: Path, programs: Path) -> None:
    """Gives `home` to the server's user, and makes it and the programs reachable."""
    if os.geteuid() != 0:
        return
    give_ownership(home)
    user = _user()
    _allow_passage([*home.parents, programs, *programs.parents], user.pw_uid)
    if not (programs / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
        for path in [programs, *programs.rglob("*")]:
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def give_ownership(path: Path) -> None:
    """Makes the server's user the owner of `path`."""
    if os.geteuid() == 0:
        user = _user()
        os.chown(path, user.pw_uid, user.pw_gid)


def private_folder(identifier: str) -> Path:
    """A short folder for sockets that no other user can write to; DatabaseError if another user took its name."""
    owner = _user().pw_uid if os.geteuid() == 0 else os.geteuid()
    name = hashlib.sha256(identifier.encode(errors="surrogateescape")).hexdigest()[:12]
    folder = Path("/tmp") / f"waves-{owner}-{name}"  # noqa: S108 - its owner and mode are checked
    try:
        folder.mkdir(mode=0o700)
        give_ownership(folder)
    except FileExistsError:
        pass
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or stat.S_IMODE(status.st_mode) & 0o077:
        raise DatabaseError(f"{folder} belongs to another user", "remove it, or move `data` to a shorter path")
    return folder


def _user() -> pwd.struct_passwd:
    """The account; created if it is missing."""
    try:
        return pwd.getpwnam(_NAME)
    except KeyError:
        pass
    command = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if command:
        words = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME]
        subprocess.run([command, *words], check=False, capture_output=True)
    try:
        return pwd.getpwnam(_NAME)
    except KeyError:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and the user {_NAME} cannot be created",
            f"run waves as an ordinary user, or create the user {_NAME}, or set `database` to a PostgreSQL URL",
        ) from None


def _allow_passage(folders: Iterable[Path], user: int) -> None:
    for folder in folders:
        status = folder.stat()
        if status.st_uid != user and not status.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            _log.warning("let the user %s of the embedded PostgreSQL pass through %s", _NAME, folder)
