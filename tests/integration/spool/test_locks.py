"""Locks between real processes: one fire at a time, free when its holder is killed, one generation of workers."""

from __future__ import annotations

import fcntl
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from waves.errors import DiskError, LockedError
from waves.spool import locks
from waves.spool.locks import WORKERS_LOCK, locked, theme_lock

RUNNER = """
import sys
from pathlib import Path
from waves.errors import LockedError
from waves.spool.locks import theme_lock
try:
    with theme_lock(Path(sys.argv[1]), float(sys.argv[2])):
        print("held", flush=True)
        sys.stdin.read()
except LockedError:
    print("locked", flush=True)
"""
WORKER = """
import fcntl, sys
with open(sys.argv[1]) as file:
    fcntl.flock(file, fcntl.LOCK_SH)
    print("held", flush=True)
    sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a theme; the blanks are on purpose."""
    return tmp_path / "my data" / "comments"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a script in a process of its own, which is gone when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 20)[0], "it said nothing for 20 s"
    return process.stdout.readline().strip()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come true within 20 s"


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_of_two_fires_at_once_the_second_leaves(folder: Path, start: Start) -> None:
    first = start(RUNNER, folder, 5)
    assert says(first) == "held"
    assert says(start(RUNNER, folder, 5)) == "locked"
    with pytest.raises(LockedError) as caught, theme_lock(folder):
        pass
    assert (caught.value.exit_code, caught.value.hint != "") == (75, True)
    first.communicate()
    assert says(start(RUNNER, folder, 5)) == "held"


def test_of_many_that_start_together_one_at_most_gets_it(folder: Path, start: Start) -> None:
    answers = [says(process) for process in [start(RUNNER, folder, 0) for _ in range(4)]]
    assert sorted(answers) == ["held", "locked", "locked", "locked"]


def test_two_themes_do_not_know_each_other(folder: Path, start: Start) -> None:
    assert says(start(RUNNER, folder, 5)) == "held"
    assert says(start(RUNNER, folder.with_name("articles"), 5)) == "held"


def test_in_one_process_a_second_fire_leaves_too(folder: Path) -> None:
    with theme_lock(folder), pytest.raises(LockedError), theme_lock(folder):
        pass


def test_a_killed_runner_frees_the_theme(folder: Path, start: Start) -> None:
    runner = start(RUNNER, folder, 5)
    assert says(runner) == "held"
    assert locked(folder)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert not locked(folder)
    with theme_lock(folder):
        assert locked(folder)
    assert not locked(folder)


def test_a_fire_that_fails_frees_the_theme(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), theme_lock(folder):
        raise ZeroDivisionError
    assert not locked(folder)


@pytest.mark.parametrize("content", ["", "1\n", f"{2**22}\nother-host\n"])
def test_a_stale_lock_file_fools_nobody(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    for name in ("lock", WORKERS_LOCK):
        (folder / name).write_text(content)
    assert not locked(folder)
    with theme_lock(folder):
        assert locked(folder)


def test_lingering_workers_make_the_next_fire_leave(folder: Path, start: Start) -> None:
    with theme_lock(folder):
        pass
    worker = start(WORKER, folder / WORKERS_LOCK)
    assert says(worker) == "held"
    with pytest.raises(LockedError) as caught, theme_lock(folder, patience=0.1):
        pass
    assert WORKERS_LOCK in caught.value.hint
    assert not locked(folder)
    ended(worker)
    with theme_lock(folder, patience=0):
        pass


def test_the_next_fire_waits_until_the_last_worker_is_gone(folder: Path, start: Start) -> None:
    with theme_lock(folder):
        pass
    workers = [start(WORKER, folder / WORKERS_LOCK) for _ in range(2)]
    assert [says(worker) for worker in workers] == ["held", "held"]
    runner = start(RUNNER, folder, 60)
    heard: list[str] = []
    listener = threading.Thread(target=lambda: heard.append(says(runner)))
    listener.start()
    until(lambda: locked(folder))
    ended(workers[0])
    assert heard == []
    ended(workers[1])
    listener.join(20)
    assert heard == ["held"]


def test_a_running_fire_leaves_the_workers_lock_to_its_workers(folder: Path, start: Start) -> None:
    with theme_lock(folder):
        worker = start(WORKER, folder / WORKERS_LOCK)
        assert says(worker) == "held"
        with (folder / WORKERS_LOCK).open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def looking(folder: Path) -> Iterator[IO[str]]:
    """What `locked` does, but in the midst of it, where it holds the lock shared."""
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    with (folder / "lock").open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        yield look


def test_a_fire_that_starts_while_somebody_looks_gets_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with looking(folder) as look:
        monkeypatch.setattr("waves.spool.locks.time.sleep", lambda _seconds: look.close())
        with theme_lock(folder):
            assert look.closed


def test_a_look_that_does_not_end_makes_a_fire_leave(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_GLANCE", 0.05)
    with looking(folder), pytest.raises(LockedError), theme_lock(folder):
        pass


def test_looking_makes_nothing(folder: Path) -> None:
    assert not locked(folder)
    assert not folder.exists()
    folder.mkdir(parents=True)
    assert not locked(folder)
    assert list(folder.iterdir()) == []


def test_only_its_owner_can_touch_the_locks(folder: Path) -> None:
    with theme_lock(folder):
        modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}
    assert modes == {"comments": 0o700, "lock": 0o600, WORKERS_LOCK: 0o600}
    assert folder.parent.stat().st_mode & 0o777 == 0o711


def test_a_lock_that_cannot_be_opened_is_a_disk_error(folder: Path) -> None:
    (folder / "lock").mkdir(parents=True)
    with pytest.raises(DiskError) as caught, theme_lock(folder):
        pass
    assert caught.value.message.startswith("comments/lock: ")
