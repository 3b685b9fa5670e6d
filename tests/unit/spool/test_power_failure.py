"""Power failure: all that was never fsynced is gone, and nothing that the journal or a synced part holds is lost."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from waves.calls import Call, Paid, Sent
from waves.models import Manifest, Part, Usage
from waves.spool.wave_dir import WaveDir, wave_ids

RUBRIC = "the rubric"
both_disks = pytest.mark.parametrize("names_survive", [False, True], ids=["nothing unsynced is left", "names are left"])


def accept(_output: Mapping[str, Any]) -> str | None:
    return None


def a_call(manifest: Manifest, n: int) -> tuple[Sent, Paid]:
    item = manifest.items[n]
    asked = (("1", item.entity_key, item.input_hash),)
    sent = Sent(
        f"c{n}", manifest.rubric_version, manifest.model, manifest.backend, asked, False, None, manifest.created_at
    )
    return sent, Paid(f"c{n}", 200, Usage(1, 1, 0, 0), f"raw answer {n}", manifest.created_at)


def reopened(data: Path, manifest: Manifest) -> WaveDir:
    return WaveDir.open(data, manifest.theme_id, manifest.wave_id, manifest.installation)


@both_disks
def test_what_the_journal_synced_survives_and_unsynced_parts_are_missing_never_malformed(
    disk: Any, tmp_path: Path, manifest: Manifest, part_of: Callable[..., Part], *, names_survive: bool
) -> None:
    wave = WaveDir.create(disk.root, manifest, RUBRIC)
    wave.write_batches([manifest.items])
    journal = wave.new_journal("run-1")
    parts = wave.parts(accept)
    for n in range(3):
        sent, paid = a_call(manifest, n)
        journal.sent(sent)
        journal.paid(paid)
        journal.sync()
        parts.write(part_of(manifest.items[n]))
    journal.sent(a_call(manifest, 3)[0])

    after = reopened(disk.unplug(tmp_path / "after", names_survive=names_survive), manifest)
    assert after.manifest == manifest
    assert after.rubric_text == RUBRIC
    assert after.calls() == {f"c{n}": Call(a_call(manifest, n)[0], "run-1", a_call(manifest, n)[1]) for n in range(3)}
    valid, corrupt = after.parts(accept).read()
    assert valid == {}
    assert len(corrupt) == (3 if names_survive else 0)
    journal.close()


@both_disks
def test_synced_parts_survive(
    disk: Any, tmp_path: Path, manifest: Manifest, part_of: Callable[..., Part], *, names_survive: bool
) -> None:
    wave = WaveDir.create(disk.root, manifest, RUBRIC)
    parts = wave.parts(accept)
    for item in manifest.items:
        parts.write(part_of(item))
    parts.sync()
    wave.close({"state": "closed"})

    after = reopened(disk.unplug(tmp_path / "after", names_survive=names_survive), manifest)
    assert after.parts(accept).read() == ({item.identity: part_of(item) for item in manifest.items}, [])
    assert after.closed


@both_disks
def test_at_no_moment_of_its_making_is_half_a_wave_visible(
    disk_of: Callable[..., Any], tmp_path: Path, manifest: Manifest, *, names_survive: bool
) -> None:
    for step in itertools.count():
        root = tmp_path / f"disk {step}"
        root.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "rmtree", lambda *_args, **_how: None)
            disk = disk_of(root, patch)
            disk.stop_at = step
            made = False
            with suppress(KeyboardInterrupt):
                WaveDir.create(root, manifest, RUBRIC)
                made = True
        after = disk.unplug(tmp_path / f"after {step}", names_survive=names_survive)
        visible = wave_ids(after, manifest.theme_id)
        assert visible == [manifest.wave_id] or not made
        assert all(reopened(after, manifest).manifest == manifest for _ in visible)
        if made:
            break
    assert step > 30


def test_the_double_drops_what_was_not_fsynced(disk: Any, tmp_path: Path) -> None:
    """The tests above are worth something only if what nobody synced is gone."""
    (disk.root / "wave").mkdir()
    (disk.root / "wave" / "f").write_bytes(b"never synced")
    assert list(disk.unplug(tmp_path / "after").iterdir()) == []
    assert (disk.unplug(tmp_path / "named", names_survive=True) / "wave" / "f").read_bytes() == b""
