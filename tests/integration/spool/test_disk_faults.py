"""A disk that is full or that may not be written: a clear fault, nothing half-visible, nothing lost of what was there.

As root on Linux full means a small tmpfs; anybody else, and every other system, meets the limit on the size of a file.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from waves.calls import Paid, Sent
from waves.errors import DiskError
from waves.models import Item, Limits, Manifest, Part, Usage
from waves.spool import files
from waves.spool.journal import read_journal
from waves.spool.locks import theme_lock
from waves.spool.wave_dir import WaveDir, wave_ids

AT = datetime(2026, 11, 20, 23, 0, 3, tzinfo=UTC)
NOBODY = 65534
ROOM = 256 * 1024

Full = Callable[[], AbstractContextManager[None]]


def accept(_output: Mapping[str, Any]) -> str | None:
    return None


def a_manifest(items: int, text: str = "x") -> Manifest:
    rows = tuple(Item(f"key-{n}", f"{n:064x}", {"text": text}) for n in range(items))
    wave = "20261120T230003Z-7f3a"
    return Manifest("inst-1", "comments", wave, "normal", "v1-abcdef0", "anthropic", "m-1", Limits(), rows, AT)


def a_part(manifest: Manifest, item: Item, text: str) -> Part:
    here = (manifest.theme_id, manifest.wave_id, *item.identity, manifest.rubric_version)
    return Part(*here, "m-1", "anthropic", "c1", {"summary": text}, None, "strict", AT)


def _mounted(folder: Path) -> bool:
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "waves-test", str(folder)]
    return subprocess.run(mount, check=False, capture_output=True).returncode == 0


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[tuple[Path, Full]]:
    """A folder of 256 kB, and what fills it up. Where no tmpfs can be mounted, a limit takes its place."""
    folder = tmp_path / "data"
    folder.mkdir()
    if not _mounted(folder):
        yield folder, lambda: limited(2000)
        return

    @contextmanager
    def full() -> Iterator[None]:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(folder).free == 0
        yield
        ballast.unlink()

    yield folder, full
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["full disk", "limit"])
def cramped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Full]:
    """A folder, and a context in which 20 kB more do not fit in."""
    if request.param == "full disk":
        place: tuple[Path, Full] = request.getfixturevalue("tmpfs")
        return place
    (tmp_path / "limited").mkdir()
    return tmp_path / "limited", lambda: limited(2000)


def test_a_part_that_finds_no_room_leaves_the_others_and_no_temporary_file(cramped: tuple[Path, Full]) -> None:
    data, full = cramped
    manifest = a_manifest(2)
    parts = WaveDir.create(data, manifest, "rubric").parts(accept)
    good = a_part(manifest, manifest.items[0], "short")
    parts.write(good)
    with full(), pytest.raises(DiskError) as caught:
        parts.write(a_part(manifest, manifest.items[1], "x" * 20_000))
    assert (caught.value.exit_code, caught.value.hint != "") == (74, True)
    assert str(data) not in caught.value.message
    assert parts.read() == ({manifest.items[0].identity: good}, [])
    assert files.sweep_temporary(data) == 0


def test_a_journal_that_finds_no_room_keeps_every_line_before(cramped: tuple[Path, Full]) -> None:
    data, full = cramped
    wave = WaveDir.create(data, a_manifest(1), "rubric")
    journal = wave.new_journal("run-1")
    sent = Sent("c1", "v1-abcdef0", "m-1", "anthropic", (("1", "key-0", "h"),), False, None, AT)
    paid = Paid("c1", 200, Usage(), "the answer", AT)
    journal.sent(sent)
    journal.paid(paid)
    journal.sync()
    with full(), pytest.raises(DiskError):
        journal.sent(Sent("c2", "v1-abcdef0", "m-1", "anthropic", (("1", "x" * 20_000, "h"),), False, None, AT))
    with pytest.raises(DiskError):
        journal.paid(paid)
    journal.close()
    reading = read_journal(wave.path / "journal" / "run-1.jsonl")
    assert (list(reading.calls), reading.calls["c1"].paid, reading.bad_lines) == (["c1"], paid, 0)


def test_a_wave_that_finds_no_room_is_not_visible_and_leaves_nothing(cramped: tuple[Path, Full]) -> None:
    data, full = cramped
    manifest = a_manifest(20, "x" * 1000)
    with full(), pytest.raises(DiskError):
        WaveDir.create(data, manifest, "rubric")
    assert wave_ids(data, "comments") == []
    assert files.sweep_temporary(data) == 0
    assert WaveDir.create(data, manifest, "rubric").manifest == manifest


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A wave in a data folder that this process may read and may not write, root or not."""
    data = Path(tempfile.mkdtemp(prefix="waves read-only "))
    WaveDir.create(data, a_manifest(1), "rubric")
    with theme_lock(data / "comments"):
        pass  # what is imported late is imported now: somebody else may not be allowed to read this Python
    for path in [data, *data.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o500 if path.is_dir() else 0o400)
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    yield data
    os.seteuid(me)
    for path in [data, *data.rglob("*")]:
        path.chmod(0o700)
    shutil.rmtree(data)


def test_read_only_data_can_be_read_and_every_write_is_a_disk_error(read_only: Path) -> None:
    manifest = a_manifest(1)
    wave = WaveDir.open(read_only, "comments", manifest.wave_id, "inst-1")
    parts = wave.parts(accept)
    assert (parts.read(), wave.calls()) == (({}, []), {})

    def lock(theme: str) -> None:
        with theme_lock(read_only / theme):
            pytest.fail("it was locked")

    attempts: list[Callable[[], object]] = [
        lambda: parts.write(a_part(manifest, manifest.items[0], "x")),
        lambda: wave.new_journal("run-1"),
        lambda: wave.write_batches([manifest.items]),
        lambda: wave.close({}),
        lambda: lock("comments"),
        lambda: lock("another"),
        lambda: files.remove_tree(wave.path),
        lambda: files.set_aside(wave.path / "rubric.md", wave.path / "corrupt"),
    ]
    for attempt in attempts:
        with pytest.raises(DiskError) as caught:
            attempt()
        assert "writable" in caught.value.hint
        assert str(read_only) not in caught.value.message
