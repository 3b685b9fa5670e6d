"""Traps for a `wave`: it is killed by SIGKILL right before or after its n-th operation of a kind.

An operation is whatever a crash can fall between: a change on disk, an fsync, a lock, a statement, a commit, a message
to or from a worker. A trap has `match` (a regular expression over the operation's label), `nth`, `when` (before|after)
and `who` (runner|worker|both|power: as both, and the disk loses what was never fsynced). They lie one behind the other:
each counts from the one before it. With none at all, every label is noted and nobody is killed.
"""

from __future__ import annotations

import fcntl
import functools
import multiprocessing
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.transaction import Transaction

_write, _kill = os.write, os.kill


class Trap:
    def __init__(self, match: str, nth: int, when: str, who: str) -> None:
        self._match = re.compile(match)
        self._left = nth
        self.when = when
        self._who = who

    def hit(self, label: str) -> bool:
        if not self._match.search(label):
            return False
        self._left -= 1
        return self._left == 0

    def strike(self, disk: Disk) -> None:
        workers = [process.pid for process in multiprocessing.active_children() if process.pid]
        if self._who == "worker":
            assert workers, "no worker runs here"
            _kill(workers[0], signal.SIGKILL)
            return
        for pid in workers if self._who in {"both", "power"} else ():
            _kill(pid, signal.SIGKILL)
        if self._who == "power":
            disk.fail()
        _kill(os.getpid(), signal.SIGKILL)


class Traps:
    """`note` is the file that tells what was hit, `data` the folder that a power failure damages."""

    def __init__(self, note: str, data: str, traps: list[dict[str, Any]]) -> None:
        self.disk = Disk(Path(data))
        self._note = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._just_note = not traps
        self._traps = [Trap(**trap) for trap in traps]

    def around(self, label: str, act: Callable[[], Any]) -> Any:
        if self._just_note:
            _write(self._note, label.encode() + b"\n")
        hit = self._traps.pop(0) if self._traps and self._traps[0].hit(label) else None
        self._strike(hit, "before", label)
        try:
            return act()
        finally:  # also after an operation that failed, such as sending to a worker that was killed
            self._strike(hit, "after", label)

    def _strike(self, hit: Trap | None, when: str, label: str) -> None:
        if hit is not None and hit.when == when:
            _write(self._note, f"{when} {label}\n".encode())
            hit.strike(self.disk)


class Wires:
    """Labels operations and leads them through the traps."""

    def __init__(self, traps: Traps) -> None:
        self._traps = traps
        self._paths: dict[int, str] = {}
        self._statement = ""

    def lay(self) -> None:
        self._wire(os, "rename", lambda _source, target, **_: f"rename {_short(target)}")
        self._wire(os, "mkdir", lambda path, *_, **__: f"mkdir {_short(path)}")
        self._wire(os, "unlink", lambda path, **_: f"unlink {_short(path)}")
        self._wire(os, "fsync", lambda fd: f"fsync {self._paths.get(fd, '')}", self._traps.disk.synced)
        self._wire(os, "write", lambda fd, data: f"write {self._paths.get(fd, '')} {bytes(data[:13]).decode('latin1')}")
        self._wire(fcntl, "flock", lambda _fd, kind: f"flock {kind}")
        self._wire(socket.socket, "send", lambda _channel, *_: "send to worker")
        self._wire(socket.socket, "recv", lambda _channel, *_: "receive from worker")
        self._wire(psycopg, "connect", lambda *_, **__: "connect")
        self._wire(psycopg.Cursor, "execute", self._execute)
        self._wire(psycopg.Cursor, "copy", self._execute)
        self._wire(Transaction, "__exit__", lambda *_: f"end of transaction after {self._statement}")
        self._follow_names()

    def _wire(self, owner: Any, name: str, label: Callable[..., str], then: Callable[..., None] | None = None) -> None:
        real = getattr(owner, name)

        @functools.wraps(real)
        def wired(*args: Any, **options: Any) -> Any:
            def act() -> Any:
                result = real(*args, **options)
                if then is not None:
                    then(*args)
                return result

            return self._traps.around(label(*args, **options), act)

        setattr(owner, name, wired)

    def _execute(self, cursor: Any, query: Any, *_: Any, **__: Any) -> str:
        text = (
            query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(cursor)
        )
        self._statement = " ".join(re.sub(r"--.*", "", text).split())[:200]
        return f"execute {self._statement}"

    def _follow_names(self) -> None:
        real = os.open

        @functools.wraps(real)
        def opened(path: Any, flags: int, *args: Any, **options: Any) -> int:
            def act() -> int:
                fd = real(path, flags, *args, **options)
                self._paths[fd] = _short(path)
                return fd

            if not flags & os.O_CREAT:
                return act()
            made: int = self._traps.around(f"create {_short(path)}", act)
            self._traps.disk.made(made)
            return made

        os.open = opened


def _short(path: Any) -> str:
    """The path below the theme's folder, with the parts that differ from run to run left out."""
    text = os.fsdecode(path).partition("/data/notes/")[2] or Path(os.fsdecode(path)).name
    text = re.sub(r"\.[0-9a-f]{16}\.tmp", "TMP", text)
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}\b", "WAVE", text)
    return re.sub(r"\d{8}T\d{6}Z-run-[0-9a-f]{8}", "RUN", text)


class Disk:
    """What is left of a folder after a power failure: of each file so much as was fsynced, and no other file. What was
    there when the process began counts as safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = [path.stat() for path in folder.rglob("*") if path.is_file()]
        self._safe = {one.st_ino: one.st_size for one in found}

    def made(self, fd: int) -> None:
        self._safe.pop(os.fstat(fd).st_ino, None)

    def synced(self, fd: int) -> None:
        found = os.fstat(fd)
        self._safe[found.st_ino] = found.st_size

    def fail(self) -> None:
        for path in self._folder.rglob("*"):
            if path.is_file():
                size = self._safe.get(path.stat().st_ino)
                path.unlink() if size is None else os.truncate(path, size)
