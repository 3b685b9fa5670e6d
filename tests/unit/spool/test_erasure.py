"""Nothing of a row that is forgotten stays in any file of its theme, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.spool.test_journal import ended_of, paid_of, sent_of
from waves.models import Item, Manifest, Part
from waves.spool import erasure, files
from waves.spool.journal import read_journal
from waves.spool.wave_dir import WaveDir

KEY, TEXT, ANSWER = "row-4711", "A canary „sings“ <here> & now", "what the model said"
HIDDEN = (KEY, "canary", "sings", ANSWER)
ITEMS = (Item(KEY, "a" * 64, {"content": TEXT}), Item("row-2", "b" * 64, {"content": "another row's text"}))


@pytest.fixture
def manifest(manifest: Manifest) -> Manifest:
    fields = {name: getattr(manifest, name) for name in manifest.__slots__}
    return Manifest(**{**fields, "items": ITEMS})


@pytest.fixture
def wave(tmp_path: Path, manifest: Manifest, part_of: Callable[..., Part]) -> WaveDir:
    """A closed wave: one request for both rows, one for each alone, the last two answered to a later run."""
    found = WaveDir.create(tmp_path / "data", manifest, "the rubric")
    found.write_batches([ITEMS, ITEMS[:1]])
    one, other = ((str(n), *item.identity) for n, item in enumerate(ITEMS, 1))
    with closing(found.new_journal("run-1")) as journal:
        journal.sent(sent_of("both", items=(one, other)))
        journal.paid(paid_of("both", ANSWER))
        journal.sent(sent_of("late", items=(one,)))
        journal.sent(sent_of("foreign", items=(other,)))
        journal.sent(sent_of("vain", items=(one,)))
        journal.ended(ended_of("vain"))
    with closing(found.new_journal("run-2")) as journal:
        journal.paid(paid_of("late", ANSWER))
        journal.paid(paid_of("foreign", "of another row"))
    parts = found.parts(lambda _: None)
    for item in ITEMS:
        parts.write(part_of(item))
    bad = found.path / "journal" / "run-1.bad"
    bad.write_bytes(b'torn "' + TEXT.encode())
    files.set_aside(bad, found.path / "corrupt")
    (found.path / "review.md").write_text(f"| {TEXT} |")
    found.close({"wave_id": manifest.wave_id})
    return found


def theme_of(wave: WaveDir) -> Path:
    return wave.path.parents[1]


def erase(wave: WaveDir, *, dry_run: bool = False) -> int:
    known = erasure.find_traces(theme_of(wave), KEY)
    return erasure.erase(theme_of(wave), KEY, known.texts, dry_run=dry_run)


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hidden(folder: Path) -> bool:
    """No file says anything of the row, in any spelling, nor does a name."""
    spelt = [word.encode() for word in HIDDEN] + [json.dumps(word)[1:-1].encode() for word in HIDDEN]
    found = everything(folder)
    return not any(word in data for data in found.values() for word in spelt) and not any(
        word in str(path.relative_to(folder)) for path in found for word in HIDDEN
    )


def test_the_manifest_tells_the_waves_and_the_texts_of_a_row(wave: WaveDir) -> None:
    known = erasure.find_traces(theme_of(wave), KEY)
    assert known == erasure.RowTraces(
        frozenset({wave.manifest.wave_id}), frozenset({TEXT}), frozenset({"both", "late", "vain"})
    )
    assert erasure.find_traces(theme_of(wave), "row-3") == erasure.RowTraces(frozenset(), frozenset(), frozenset())


def test_nothing_of_the_row_is_left_and_the_wave_still_holds_the_others(wave: WaveDir, manifest: Manifest) -> None:
    before = everything(wave.path)
    assert erase(wave) > 0
    assert hidden(theme_of(wave))
    assert erase(wave) == 0
    again = WaveDir.open(wave.path.parents[2], manifest.theme_id, manifest.wave_id, manifest.installation)
    assert again.manifest.items == ITEMS[1:]
    valid, corrupt = again.parts(lambda _: None).read()
    assert (set(valid), corrupt) == ({ITEMS[1].identity}, [])
    for name in ("rubric.md", "closed.json"):
        assert (wave.path / name).read_bytes() == before[wave.path / name]
    assert sorted(path.name for path in (wave.path / "batches").iterdir()) == ["batch_0001.jsonl", "batch_0002.jsonl"]


def test_the_journal_still_tells_what_was_paid_and_its_other_lines_stay_as_they_were(wave: WaveDir) -> None:
    before = {path: path.read_bytes().split(b"\n") for path in wave.journals()}
    erase(wave)
    for path in wave.journals():
        reading = read_journal(path)
        assert (reading.bad_lines, reading.torn) == (0, False)
        after = path.read_bytes().split(b"\n")
        changed = [old for old, new in zip(before[path], after, strict=True) if old != new]
        assert all(KEY.encode() in line or ANSWER.encode() in line for line in changed)
    calls = wave.calls()
    assert calls.keys() == {"both", "late", "foreign", "vain"}
    assert [len(calls[name].sent.items) for name in ("both", "late", "foreign", "vain")] == [2, 1, 1, 1]
    assert calls["both"].sent.items == (("1", "", ""), ("2", "row-2", "b" * 64))
    paid = {name: call.paid for name, call in calls.items() if call.paid}
    assert {name: one.raw for name, one in paid.items()} == {"both": "", "late": "", "foreign": "of another row"}
    assert all(one.usage == paid_of().usage for one in paid.values())


def test_killed_at_any_file_it_finishes_the_next_time(wave: WaveDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try gets one operation further, from the state that the one before has left."""
    left = 0

    def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return real(*arguments, **more)

        return step

    for name in ("write_atomic", "remove_file", "remove_tree"):
        monkeypatch.setattr(files, name, stopping(getattr(files, name)))
    for _ in range(40):
        left = 1
        with suppress(KeyboardInterrupt):
            erase(wave)
            break
    else:
        pytest.fail("it never finished")
    assert hidden(theme_of(wave))


def test_a_dry_run_counts_the_same_files_and_changes_none(wave: WaveDir) -> None:
    before = everything(theme_of(wave))
    would = erase(wave, dry_run=True)
    assert everything(theme_of(wave)) == before
    assert would == erase(wave) > 0


def test_a_wave_that_did_not_hold_the_row_is_not_touched(wave: WaveDir) -> None:
    before = everything(theme_of(wave))
    assert erasure.erase(theme_of(wave), "row-3", frozenset(), dry_run=False) == 0
    assert erasure.erase(theme_of(wave), "1", frozenset(), dry_run=False) == 0, "a short id is no key"
    assert everything(theme_of(wave)) == before


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_a_wave_that_cannot_be_read_goes_as_a_whole_where_it_speaks_of_the_row(wave: WaveDir, damage: str) -> None:
    manifest = wave.path / "manifest.json"
    if damage == "gone":
        manifest.unlink()
    else:
        manifest.write_bytes(manifest.read_bytes()[:-9])
    aside = files.set_aside(wave.path, theme_of(wave) / "unreadable")
    assert erasure.erase(theme_of(wave), "1", frozenset(), dry_run=False) == 0
    assert erasure.erase(theme_of(wave), KEY, frozenset(), dry_run=False) > 0
    assert not aside.exists()


@pytest.mark.parametrize(
    "text", [TEXT, json.dumps({"old": TEXT}), f'"{KEY}"', "A canary „sings“ &lt;here&gt; &amp; now"]
)
def test_a_file_beside_the_waves_goes_where_it_shows_the_row(wave: WaveDir, text: str) -> None:
    folder = theme_of(wave) / "evaluations"
    folder.mkdir()
    (folder / "shows.html").write_text(f"<td>{text}</td>")
    (folder / "other.html").write_text("<td>0.97</td>")
    (theme_of(wave) / "lock").write_text(KEY)
    erase(wave)
    assert [path.name for path in folder.iterdir()] == ["other.html"]
    assert (theme_of(wave) / "lock").exists()


def test_the_copy_of_its_part_under_another_name_goes_too(wave: WaveDir) -> None:
    mine, other = (
        next(path for path in (wave.path / "parts").rglob("*.json") if f'"{item.entity_key}"' in path.read_text())
        for item in ITEMS
    )
    other.write_bytes(mine.read_bytes())
    erase(wave)
    assert hidden(theme_of(wave))
