"""The theme's own command, `on_complete`: for a program that rebuilds something from the results.

It runs when a fire finds the gap empty and rows were collected or restored since it last ended well; what killed a fire
before or in the middle of it makes the next fire run it. It gets no shell, no stdin and none of our secrets, and it
does not outlive the fire.
"""

from __future__ import annotations

import os
import secrets
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from waves.child_processes import START_ON_FIRST_LINE, GroupReaper, kill_group
from waves.models import Ending
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session
from waves.store.tables import run_metrics

TIMED_OUT, NOT_STARTED = 124, 126
"""As a shell has it; 127 is what it says where there is no such command, and -9 that signal 9 ended it."""
MOST_OUTPUT = 4096
"""Bytes of its output that go to the log: the last ones, which say how it ended."""
GLANCE = 0.25
"""Seconds between looks at signals, locks and the clock."""


@dataclass(frozen=True, slots=True)
class _Ran:
    code: int
    output: bytes


def complete(session: Session, guard: Guard, ending: Ending) -> Ending:
    """The fire's ending, after the theme's command where that is due. A command that fails changes nothing about the
    data: the fire stays complete, and says so."""
    theme = session.theme
    if ending.state != "complete" or not theme.on_complete:
        return ending
    if not run_metrics.on_complete_due(session.db, theme.theme_id):
        return ending
    session.log.write("completing", command=theme.on_complete[0])
    ran = _run(session, guard)
    run_metrics.record_on_complete(session.db, session.run_id, ran.code)
    session.log.write("on_complete", exit_code=ran.code, output=ran.output.decode("utf-8", "replace"))
    if (interrupted := session.stop.ending) is not None:
        return interrupted
    return Ending("complete", _failed(session, ran.code)) if ran.code else ending


def _failed(session: Session, code: int) -> str:
    how = f"took longer than {session.theme.on_complete_timeout:g} s" if code == TIMED_OUT else f"ended with {code}"
    return (
        f"nothing is missing, but on_complete of theme {session.theme.theme_id} {how}: its output is in the log of run "
        f"{session.run_id}; the next fire runs it again"
    )


def _run(session: Session, guard: Guard) -> _Ran:
    folder = Path(tempfile.gettempdir()) / f"waves-complete-{secrets.token_hex(8)}"
    try:
        keeper = GroupReaper(folder)
        try:
            folder.mkdir(0o700)
            return _run_kept(session, guard, keeper, folder)
        finally:
            keeper.close()
    except OSError as error:
        return _Ran(NOT_STARTED, f"{type(error).__name__}: {error.strerror}".encode())


def _run_kept(session: Session, guard: Guard, keeper: GroupReaper, folder: Path) -> _Ran:
    process = subprocess.Popen(
        [*START_ON_FIRST_LINE, *session.theme.on_complete],
        cwd=session.project.root,
        env=_environment(session, folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        bufsize=0,
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101
    with process, process.stdout as output:
        try:
            keeper.add(process.pid)
            process.stdin.write(b"\n")
            process.stdin.close()
            return _attend(session, guard, process, output)
        finally:
            kill_group(process.pid)


def _environment(session: Session, folder: Path) -> Mapping[str, str]:
    return {
        **session.project.shell,
        "TZ": "UTC",
        "TMPDIR": str(folder),
        "WAVES_PROJECT": str(session.project.root),
        "WAVES_THEME": session.theme.theme_id,
        "WAVES_RUN_ID": session.run_id,
        "WAVES_RUBRIC_VERSION": session.rubric.version,
    }


def _attend(session: Session, guard: Guard, process: subprocess.Popen[bytes], output: IO[bytes]) -> _Ran:
    """Until it ends, its time is over, or somebody tells us to stop."""
    deadline, tail, timed_out = time.monotonic() + session.theme.on_complete_timeout, b"", False
    os.set_blocking(output.fileno(), False)
    with selectors.DefaultSelector() as ready:
        ready.register(output, selectors.EVENT_READ)
        while process.poll() is None:
            guard.check()
            timed_out = time.monotonic() > deadline
            if timed_out or session.stop.requested:
                kill_group(process.pid)
                process.wait()
            elif ready.select(GLANCE):
                tail, over = _read(output, tail)
                if over:
                    ready.unregister(output)
    kill_group(process.pid)  # what it started and left behind holds its output open
    tail, _ = _read(output, tail)
    return _Ran(TIMED_OUT if timed_out else process.returncode, tail)


def _read(output: IO[bytes], tail: bytes) -> tuple[bytes, bool]:
    """The end of what it said up to now, and whether it will say no more."""
    with suppress(BlockingIOError):
        while data := os.read(output.fileno(), 65536):
            tail = (tail + data)[-MOST_OUTPUT:]
        return tail, True
    return tail, False
