"""A disk that is full or read-only: exit 74 with the path, no answer lost, and the fire after it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place, Trap
from tests.project_folder import WAVE, Ran

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
_LIMITED = (
    "import os, resource, sys; n = int(sys.argv[2]); resource.setrlimit(getattr(resource, sys.argv[1]), (n, n)); "
)
_LIMITED += "os.execv(sys.argv[3], sys.argv[3:])"


def fire_limited(place: Place, limit: str, value: int) -> Ran:
    """A fire whose process may not go beyond a limit of the system (its children may not either)."""
    program = (sys.executable, "-c", _LIMITED, limit, str(value), *WAVE)
    return place.begin("fire", THEME, "--json", program=program).end()


def mounted(*arguments: str) -> bool:
    mount = shutil.which("mount")
    return os.geteuid() == 0 and mount is not None and subprocess.run([mount, *arguments], check=False).returncode == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(mode=0o711, exist_ok=True)
    if not mounted("-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", str(folder)):
        pytest.skip("only root can mount a small disk; RLIMIT_FSIZE is tested in its place")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """As root a bind mount, because a root may write wherever it is mounted so."""
    if os.geteuid() != 0:
        places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in places:
            path.chmod(0o500)
        yield
        for path in places:
            path.chmod(0o700)
        return
    if not mounted("--bind", str(folder), str(folder)):
        pytest.skip("this root may not mount")
    try:
        assert mounted("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def is_a_disk_fault(fired: Ran) -> None:
    assert (fired.code, fired.state) == (74, "failed"), fired
    assert fired.json["error"]["hint"]


@pytest.mark.parametrize("size", ["48k", "140k", "260k"])
def test_on_a_full_disk_nothing_is_asked(size: str, make: Make) -> None:
    place = make({"latency": {"a": 0.01}})
    with small_disk(place.data, size):
        for _ in range(2):
            is_a_disk_fault(place.fire())
        judge.nothing_is_left_running(place)
        assert place.provider.lines("arrived") == []
        assert mounted("-o", "remount,size=64m", str(place.data))
        place.fire_until_complete()
        judge.after_all(place)


def test_a_disk_that_fills_up_in_mid_wave_costs_no_more_than_what_was_in_flight(make: Make) -> None:
    place = make({"latency": {"a": 0.3}})
    with small_disk(place.data, "2m"):
        fire = place.begin_fire()
        place.wait_for_answers(4)
        filler = place.data / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(2 << 20))
        is_a_disk_fault(fire.end())
        judge.nothing_is_left_running(place)
        arrived = len(place.provider.lines("arrived"))
        is_a_disk_fault(place.fire())
        assert len(place.provider.lines("arrived")) == arrived
        filler.unlink()
        place.fire_until_complete()
        assert judge.after_all(place).requests <= place.parallel


@pytest.mark.parametrize("limit", [512, 6_000, 16_000])
def test_a_file_that_may_not_grow_ends_the_fire_and_loses_nothing(limit: int, make: Make) -> None:
    place = make({"latency": {"a": 0.01}})
    is_a_disk_fault(fire_limited(place, "RLIMIT_FSIZE", limit))
    judge.nothing_is_left_running(place)
    place.fire_until_complete()
    judge.after_all(place)


@pytest.mark.parametrize("limit", [8, 12, 16, 24, 32])
def test_too_few_open_files_are_told_and_lose_nothing(limit: int, make: Make) -> None:
    place = make({"latency": {"a": 0.01}})
    fired = fire_limited(place, "RLIMIT_NOFILE", limit)
    assert fired.code in {0, 69, 74, 75}, fired
    judge.nothing_is_left_running(place)
    place.fire_until_complete()
    judge.after_all(place)


@pytest.mark.parametrize("begun", [False, True])
def test_read_only_data_is_told_before_a_request(begun: bool, make: Make) -> None:
    place = make({"latency": {"a": 0.01}})
    if begun:
        assert place.fire(traps=[Trap(r"^rename .*parts/", 9)]).code == -signal.SIGKILL
    place.data.mkdir(mode=0o711, exist_ok=True)
    arrived = len(place.provider.lines("arrived"))
    with read_only(place.data):
        is_a_disk_fault(place.fire())
        assert place.run("status", THEME, "--json").code == 0
    assert len(place.provider.lines("arrived")) == arrived
    place.fire_until_complete()
    judge.after_all(place)
