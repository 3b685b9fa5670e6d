"""Files: whole or not there, durable in the right order, and never a second try after a failed fsync."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from waves.errors import DiskError
from waves.spool import files
from waves.spool.faults import disk_faults
from waves.spool.files import Appender


@pytest.fixture(params=[0o000, 0o077], ids=["umask 000", "umask 077"])
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_durable_file_is_on_the_disk_before_its_name_is(disk: Any) -> None:
    files.write_atomic(disk.root / "closed.json", b"{}")
    assert disk.calls == [
        ("create", "TMP"),
        ("write", "TMP"),
        ("fsync", "TMP"),
        ("close", "TMP"),
        ("rename", "closed.json"),
        ("open", "."),
        ("fsync", "."),
        ("close", "."),
    ]


def test_a_file_that_need_not_be_durable_is_not_fsynced(disk: Any) -> None:
    files.write_atomic(disk.root / "part.json", b"{}", durable=False)
    assert [call for call, _ in disk.calls] == ["create", "write", "close", "rename"]


@pytest.mark.usefixtures("any_umask")
def test_files_and_folders_have_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "data", 0o711)
    files.make_folder(tmp_path / "data" / "theme" / "waves")
    files.write_atomic(tmp_path / "data" / "theme" / "f", b"")
    Appender(tmp_path / "data" / "theme" / "j").close()
    assert [mode_of(tmp_path / "data" / name) for name in (".", "theme", "theme/waves", "theme/f", "theme/j")] == [
        0o711,
        0o700,
        0o700,
        0o600,
        0o600,
    ]


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    files.make_folder(tmp_path / "data")
    assert mode_of(tmp_path / "data") == 0o755


def test_new_folders_are_durable_one_in_the_other(disk: Any) -> None:
    files.make_folder(disk.root / "a" / "b")
    assert disk.order("mkdir", "fsync") == [("mkdir", "a"), ("fsync", "."), ("mkdir", "a/b"), ("fsync", "a")]


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    files.write_atomic(tmp_path / "f", b"0123456789")
    appender = Appender(tmp_path / "j")
    appender.append(b"0123456789")
    appender.close()
    assert (tmp_path / "f").read_bytes() == (tmp_path / "j").read_bytes() == b"0123456789"


@pytest.mark.parametrize("call", ["create", "write", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(disk: Any, call: str) -> None:
    files.write_atomic(disk.root / "f", b"old")
    disk.fail(call, "f" if call == "rename" else "TMP", errno.ENOSPC)
    with pytest.raises(DiskError):
        files.write_atomic(disk.root / "f", b"new")
    assert [path.name for path in disk.root.iterdir()] == ["f"]
    assert (disk.root / "f").read_bytes() == b"old"


def test_a_folder_becomes_visible_after_all_that_is_in_it_is_durable(disk: Any) -> None:
    with files.new_folder(disk.root / "wave") as building:
        files.make_folder(building / "parts", durable=False)
        files.write_atomic(building / "manifest.json", b"{}", durable=False)
    synced = disk.order("fsync", "rename")
    assert synced[0] == ("rename", "TMP/manifest.json")
    assert sorted(synced[1:4]) == [("fsync", "TMP"), ("fsync", "TMP/manifest.json"), ("fsync", "TMP/parts")]
    assert synced[4:] == [("rename", "wave"), ("fsync", ".")]


@pytest.mark.parametrize(("call", "path"), [("fsync", "TMP/f"), ("fsync", "TMP"), ("rename", "wave"), ("fsync", ".")])
def test_a_folder_that_cannot_be_completed_is_not_there(disk: Any, call: str, path: str) -> None:
    disk.fail(call, path, errno.EIO)
    with pytest.raises(DiskError), files.new_folder(disk.root / "wave") as building:
        files.write_atomic(building / "f", b"1", durable=False)
    assert list(disk.root.iterdir()) == []


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "wave").mkdir()
    (tmp_path / "wave" / "manifest.json").write_bytes(b"old")
    with pytest.raises(DiskError), files.new_folder(tmp_path / "wave"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["wave"]
    assert (tmp_path / "wave" / "manifest.json").read_bytes() == b"old"


def test_an_appender_begins_a_new_file_whose_name_is_durable(disk: Any) -> None:
    Appender(disk.root / "j").close()
    assert disk.order("create", "fsync") == [("create", "j"), ("fsync", ".")]
    with pytest.raises(DiskError):
        Appender(disk.root / "j")


def test_after_a_failed_fsync_an_appender_never_tries_again(disk: Any) -> None:
    appender = Appender(disk.root / "j")
    appender.append(b"1\n")
    disk.fail("fsync", "j", errno.EIO)
    with pytest.raises(DiskError):
        appender.sync()
    disk.failures.clear()
    before = len(disk.calls)
    for attempt in (appender.sync, lambda: appender.append(b"2\n")):
        with pytest.raises(DiskError):
            attempt()
    assert len(disk.calls) == before
    appender.close()


def test_after_a_failed_write_an_appender_appends_nothing_behind_the_torn_line(disk: Any) -> None:
    appender = Appender(disk.root / "j")
    disk.fail("write", "j", errno.ENOSPC)
    with pytest.raises(DiskError):
        appender.append(b"1\n")
    disk.failures.clear()
    with pytest.raises(DiskError):
        appender.append(b"2\n")
    appender.close()
    appender.close()
    assert (disk.root / "j").read_bytes() == b""


def test_files_are_synced_before_their_folders_and_each_folder_once(disk: Any) -> None:
    paths = [disk.root / name for name in ("a/1", "b/2", "a/3")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        files.write_atomic(path, b"x", durable=False)
    files.sync_files(paths)
    synced = disk.order("fsync")
    assert sorted(synced[:3]) == [("fsync", "a/1"), ("fsync", "a/3"), ("fsync", "b/2")]
    assert sorted(synced[3:]) == [("fsync", "a"), ("fsync", "b")]


def test_a_file_that_cannot_be_synced_is_removed_and_no_folder_is_synced(disk: Any) -> None:
    for name in ("1", "2"):
        files.write_atomic(disk.root / name, b"x", durable=False)
    disk.fail("fsync", "2", errno.EIO)
    with pytest.raises(DiskError):
        files.sync_files([disk.root / "1", disk.root / "2"])
    assert [path.name for path in disk.root.iterdir()] == ["1"]
    assert disk.order("fsync").count(("fsync", "2")) == 1
    assert ("fsync", ".") not in disk.calls


def test_where_fsync_stops_at_the_drive_cache_the_full_sync_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(files, "_FULL_SYNC", 51)
    monkeypatch.setattr(fcntl, "fcntl", lambda _fd, command: asked.append(command))
    monkeypatch.setattr(os, "fsync", lambda _fd: pytest.fail("a plain fsync"))
    files.write_atomic(tmp_path / "f", b"x")
    assert asked == [51, 51]


def test_the_drive_cache_is_emptied_once_for_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    for name in ("1", "2", "3"):
        files.write_atomic(tmp_path / name, b"x", durable=False)
    monkeypatch.setattr(files, "_FULL_SYNC", 51)
    monkeypatch.setattr(fcntl, "fcntl", lambda _fd, command: asked.append(command))
    monkeypatch.setattr(os, "fsync", asked.append)
    files.sync_files(sorted(tmp_path.iterdir()))
    assert len(asked) == 4
    assert asked[-1] == 51


def test_the_sweep_takes_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    kept = ["manifest.json", ".hidden", ".tmp", "x.tmp", ".0123456789abcdef.tmp.json", "waves/a/parts/00/p.json"]
    left = [
        files.temporary_name(),
        f"waves/{files.temporary_name()}/parts/f",
        f"waves/a/parts/00/{files.temporary_name()}",
    ]
    for name in [*kept, *left]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / files.temporary_name()).symlink_to(tmp_path / "waves")
    assert files.sweep_temporary(tmp_path) == 4
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert files.sweep_temporary(tmp_path) == 0
    assert files.sweep_temporary(tmp_path / "not there") == 0


def test_a_tree_is_out_of_sight_before_its_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wave" / "parts").mkdir(parents=True)

    def crash(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            files.remove_tree(tmp_path / "wave")
    assert not (tmp_path / "wave").exists()
    assert files.sweep_temporary(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_removed_tree_is_gone(tmp_path: Path) -> None:
    (tmp_path / "wave" / "parts").mkdir(parents=True)
    files.remove_tree(tmp_path / "wave")
    assert list(tmp_path.iterdir()) == []


def test_setting_aside_overwrites_nothing(tmp_path: Path) -> None:
    aside = []
    for content in (b"1", b"2", b"3"):
        (tmp_path / "p.json").write_bytes(content)
        aside.append(files.set_aside(tmp_path / "p.json", tmp_path / "corrupt"))
    assert [path.read_bytes() for path in aside] == [b"1", b"2", b"3"]
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_every_oserror_leaves_as_a_disk_error_with_a_remedy(code: int) -> None:
    path = Path("/home/someone/waves/data/theme/waves/20261120T230003Z-7f3a/parts/00/p.json")
    with pytest.raises(DiskError) as caught, disk_faults(path):
        raise OSError(code, "raw")
    assert caught.value.message == f"theme/waves/20261120T230003Z-7f3a/parts/00/p.json: {os.strerror(code)}"
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/someone/waves/data/theme/lock", "theme/lock"),
        ("/d/theme/waves", "theme/waves"),
        ("/d/theme/waves/.0123456789abcdef.tmp/f", "theme/waves/.0123456789abcdef.tmp/f"),
        ("/d/logs/run.jsonl", "logs/run.jsonl"),
    ],
)
def test_messages_name_paths_as_seen_from_data(path: str, shown: str) -> None:
    with pytest.raises(DiskError) as caught, disk_faults(Path(path)):
        raise OSError(errno.EIO, "raw")
    assert caught.value.message.startswith(f"{shown}: ")
