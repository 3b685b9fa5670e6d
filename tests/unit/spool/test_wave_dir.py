"""The folder of a wave: complete when it is visible, checked when it is opened, and it never reuses a name."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waves.calls import Ended, Paid, Sent
from waves.errors import BadDataError, ConfigurationError, DiskError
from waves.models import Item, Manifest, Usage
from waves.spool import files
from waves.spool.wave_dir import WaveDir, wave_ids

RUBRIC = "---\nkind: classify\n---\nLabel the comment. „Citat” 🙂\r\n"


def accept(_output: Mapping[str, Any]) -> str | None:
    return None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def wave(data: Path, manifest: Manifest) -> WaveDir:
    return WaveDir.create(data, manifest, RUBRIC)


def reopened(data: Path, manifest: Manifest) -> WaveDir:
    return WaveDir.open(data, manifest.theme_id, manifest.wave_id, manifest.installation)


def test_a_wave_comes_back_with_its_items_and_its_rubric(data: Path, wave: WaveDir, manifest: Manifest) -> None:
    assert reopened(data, manifest) == wave
    assert (wave.path / "rubric.md").read_bytes() == RUBRIC.encode()
    assert json.loads((wave.path / "manifest.json").read_bytes())["items"][0]["entity_key"] == "../../etc/passwd"


def test_only_its_owner_can_look_into_a_wave(data: Path, wave: WaveDir) -> None:
    below = [path for path in data.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in below} == {0o700}
    assert data.stat().st_mode & 0o777 == 0o711
    assert {path.stat().st_mode & 0o777 for path in wave.path.iterdir() if path.is_file()} == {0o600}


def test_no_key_leaves_the_folder(data: Path, wave: WaveDir, manifest: Manifest) -> None:
    wave.write_batches([[item] for item in manifest.items])
    names = {path.name for path in data.parent.rglob("*")}
    assert names == {
        *("data", "comments", "waves", manifest.wave_id, "manifest.json", "rubric.md", "batches", "journal", "parts"),
        *(f"batch_{n:04d}.jsonl" for n in range(1, len(manifest.items) + 1)),
    }


def test_a_wave_is_durable_before_it_is_visible_and_then_its_name_is_durable(disk: Any, manifest: Manifest) -> None:
    WaveDir.create(disk.root, manifest, RUBRIC)
    steps = disk.order("fsync", "rename")
    visible = steps.index(("rename", f"comments/waves/{manifest.wave_id}"))
    hidden = "comments/waves/TMP"
    needed = [hidden + name for name in ("", "/manifest.json", "/rubric.md", "/parts", "/journal", "/batches")]
    assert {("fsync", path) for path in [*needed, ".", "comments"]} <= set(steps[:visible])
    assert steps[visible + 1 :] == [("fsync", "comments/waves")]


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("mkdir", "TMP/parts"),
        ("create", "TMP/TMP"),
        ("write", "TMP/TMP"),
        ("rename", "TMP/manifest.json"),
        ("fsync", "TMP/rubric.md"),
        ("fsync", "TMP"),
        ("rename", "20261120T230003Z-7f3a"),
    ],
)
def test_a_wave_that_cannot_be_completed_is_not_there(disk: Any, manifest: Manifest, call: str, path: str) -> None:
    disk.fail(call, f"comments/waves/{path}", errno.ENOSPC)
    with pytest.raises(DiskError):
        WaveDir.create(disk.root, manifest, RUBRIC)
    assert list((disk.root / "comments" / "waves").iterdir()) == []


def test_a_wave_is_never_made_over_another(data: Path, wave: WaveDir, manifest: Manifest) -> None:
    with pytest.raises(DiskError):
        WaveDir.create(data, replace(manifest, model="other"), RUBRIC)
    assert reopened(data, manifest) == wave
    assert wave_ids(data, manifest.theme_id) == [manifest.wave_id]


@pytest.mark.usefixtures("wave")
def test_a_wave_of_another_database_is_refused(data: Path, manifest: Manifest) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WaveDir.open(data, manifest.theme_id, manifest.wave_id, "inst-2")
    assert manifest.wave_id in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["manifest.json", "rubric.md"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "flipped", "foreign"])
def test_a_damaged_manifest_or_rubric_is_bad_data(
    data: Path, wave: WaveDir, manifest: Manifest, name: str, damage: str
) -> None:
    path = wave.path / name
    good = path.read_bytes()
    flipped = good[:25] + bytes([good[25] ^ 1]) + good[26:]
    path.write_bytes({"truncated": good[:-5], "flipped": flipped, "foreign": b"{}"}.get(damage, b""))
    if damage == "missing":
        path.unlink()
    with pytest.raises(BadDataError) as caught:
        reopened(data, manifest)
    assert caught.value.hint


def test_a_wave_under_the_name_of_another_is_bad_data(data: Path, wave: WaveDir, manifest: Manifest) -> None:
    other = replace(manifest, wave_id="20261121T000000Z-0000")
    wave.path.rename(wave.path.with_name(other.wave_id))
    with pytest.raises(BadDataError):
        reopened(data, other)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", ".hidden", "x" * 300, "a\x00b", "a\nb", "ș", "a "])
def test_an_id_that_is_no_name_never_reaches_the_disk(tmp_path: Path, manifest: Manifest, name: str) -> None:
    for wave in (replace(manifest, theme_id=name), replace(manifest, wave_id=name)):
        with pytest.raises(BadDataError):
            WaveDir.create(tmp_path / "data", wave, RUBRIC)
    with pytest.raises(BadDataError):
        wave_ids(tmp_path / "data", name)
    assert list(tmp_path.iterdir()) == []
    wave_dir = WaveDir.create(tmp_path / "data", manifest, RUBRIC)
    with pytest.raises(BadDataError):
        wave_dir.new_journal(name)
    assert list((wave_dir.path / "journal").iterdir()) == []


def test_batches_hold_their_items_and_names_are_never_used_again(wave: WaveDir, manifest: Manifest) -> None:
    batches = [manifest.items[:3], manifest.items[3:5]]
    assert wave.write_batches(batches) == ["batch_0001.jsonl", "batch_0002.jsonl"]
    (wave.path / "batches" / "batch_0001.jsonl").unlink()
    (wave.path / "batches" / "notes.txt").write_text("x")
    assert wave.write_batches(batches) == ["batch_0003.jsonl", "batch_0004.jsonl"]
    (wave.path / "batches" / "batch_9999.jsonl").write_bytes(b"")
    assert wave.write_batches(batches) == ["batch_10000.jsonl", "batch_10001.jsonl"]
    assert wave.write_batches([]) == []
    lines = (wave.path / "batches" / "batch_0003.jsonl").read_bytes().splitlines()
    assert tuple(Item(**json.loads(line)) for line in lines) == manifest.items[:3]


def test_the_calls_of_all_journals_come_together(wave: WaveDir, manifest: Manifest) -> None:
    at = manifest.created_at
    sent = {n: Sent(f"c{n}", "v1-abcdef0", "m-1", "anthropic", (("1", "k", "h"),), False, None, at) for n in range(3)}
    paid = Paid("c0", 200, Usage(), "raw", at)
    ended = Ended("c2", "unpaid", "503", at)
    first, second = wave.new_journal("run-1"), wave.new_journal("run-2")
    first.sent(sent[0])
    first.paid(paid)
    first.sent(sent[1])
    second.sent(sent[2])
    second.ended(ended)
    # A copy that lacks the answer takes nothing away from the journal that has it.
    copied = (wave.path / "journal" / "run-1.jsonl").read_bytes().splitlines(keepends=True)[0]
    (wave.path / "journal" / "run-3.jsonl").write_bytes(copied)
    calls = wave.calls()
    assert {name: (call.run_id, call.paid, call.ended) for name, call in calls.items()} == {
        "c0": ("run-1", paid, None),
        "c1": ("run-1", None, None),
        "c2": ("run-2", None, ended),
    }
    first.close()
    second.close()


def test_a_closed_wave_says_so_and_can_be_closed_again(wave: WaveDir) -> None:
    assert not wave.closed
    wave.close({"state": "closed", "counts": {"parts": 10}})
    wave.close({"state": "closed", "counts": {"parts": 10}})
    assert wave.closed
    assert json.loads((wave.path / "closed.json").read_bytes()) == {"state": "closed", "counts": {"parts": 10}}


def test_the_waves_on_disk_are_the_visible_ones_oldest_first(data: Path, manifest: Manifest) -> None:
    assert wave_ids(data, "comments") == []
    for name in ("20261121T000000Z-0000", "20261120T000000Z-ffff"):
        WaveDir.create(data, replace(manifest, wave_id=name), RUBRIC)
    (data / "comments" / "waves" / files.temporary_name()).mkdir()
    (data / "comments" / "waves" / "notes.txt").write_text("x")
    assert wave_ids(data, "comments") == ["20261120T000000Z-ffff", "20261121T000000Z-0000"]


def test_the_parts_of_a_wave_are_kept_in_its_folder(wave: WaveDir) -> None:
    parts = wave.parts(accept)
    assert parts.read() == ({}, [])
    assert parts.present() == set()
