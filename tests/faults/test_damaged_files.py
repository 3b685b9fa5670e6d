"""Damage under `data/` while a wave is open: what the journal holds is rebuilt, what nothing holds is asked again, and
nothing of another wave or database is taken for ours.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
Damage = Callable[[Path], object]


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swapped(path: Path) -> None:
    """The part of another item under this one's name."""
    other = next(found for found in sorted(path.parents[1].glob("*/*.json")) if found != path)
    path.write_bytes(other.read_bytes())


def of_another_wave(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "wave": "20200101T000000Z-0000"}))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link(path: Path) -> None:
    secret = path.parents[3] / "elsewhere.json"
    path.rename(secret)
    path.symlink_to(secret)


def a_stranger(path: Path) -> None:
    path.with_name("0" * 64 + ".json").write_text("{}")


def half_done(make: Make) -> Place:
    """A wave with some of its parts there, its runner dead."""
    place = make({"latency": {"a": 0.01}})
    assert place.fire(traps=[Trap(r"^rename .*parts/", 12)]).code == -signal.SIGKILL
    judge.nothing_is_left_running(place)
    return place


@pytest.mark.parametrize(
    "damage", [cut, emptied, flipped, swapped, of_another_wave, a_folder, a_link, a_stranger, Path.unlink]
)
def test_a_damaged_part_is_told_and_rebuilt_from_the_journal_without_a_request(damage: Damage, make: Make) -> None:
    place = half_done(make)
    asked = {item for call in judge.calls(place).values() if call.paid for item in call.sent.items}
    parts = sorted((place.wave / "parts").glob("*/*.json"))
    damage(parts[3])
    status = place.run("status", THEME, "--json").json
    assert status is not None
    assert status["themes"][0]["corrupt_parts"] == (0 if damage is Path.unlink else 1)
    assert place.fire().code == 0
    judge.after_all(place)
    again = [call for call in judge.calls(place).values() if set(call.sent.items) & asked]
    assert len(again) == len({call.sent.items for call in again})


@pytest.mark.parametrize("damage", [cut, flipped])
def test_a_damaged_journal_line_costs_no_item_that_has_its_part(damage: Damage, make: Make) -> None:
    place = half_done(make)
    journal = judge.journal_of(place)
    damage(journal)
    assert place.fire().code == 0
    judge.all_accepted(place)
    judge.runs_are_closed(place)
    judge.no_temporary_file(place)
    assert damage is cut or journal.with_suffix(".bad").exists()


@pytest.mark.parametrize("damage", [emptied, Path.unlink])
def test_a_journal_that_is_gone_costs_no_item_that_has_its_part(damage: Damage, make: Make) -> None:
    place = half_done(make)
    damage(judge.journal_of(place))
    have = len(list((place.wave / "parts").glob("*/*.json")))
    arrived = len(place.provider.lines("arrived"))
    assert place.fire().code == 0
    judge.all_accepted(place)
    asked = sum(len(line["items"]) for line in place.provider.lines("arrived")[arrived:])
    assert asked == place.n_items - have


def test_foreign_and_repeated_journal_lines_change_nothing(make: Make) -> None:
    place = half_done(make)
    journal = judge.journal_of(place)
    paid = next(line for line in journal.read_bytes().splitlines() if line.startswith(b'{"t":"paid"'))
    body = paid.partition(b',"crc32"')[0].replace(b'"call_id":"', b'"call_id":"ffff')
    stranger = body + b',"crc32":%d}' % crc32(body)
    with journal.open("ab") as lines:
        lines.write(paid + b"\n" + stranger + b"\n" + b"\x00\xff not JSON\n" + b'{"t":"sent","call_id":"torn')
    assert place.fire().code == 0
    judge.all_accepted(place)
    # the stranger is no bad line: its request might have been sent in another journal of the wave, and was not
    assert journal.with_suffix(".bad").read_bytes() == paid + b"\n" + b"\x00\xff not JSON\n"
    assert place.sql("SELECT FROM waves.ledger WHERE call_id LIKE 'ffff%%'") == []


def test_leftover_temporary_files_are_swept_and_files_of_others_are_not(make: Make) -> None:
    place = half_done(make)
    name = "." + "0123456789abcdef" + ".tmp"
    for folder in (place.folder, place.wave, place.wave / "parts", place.wave / "journal", place.folder / "waves"):
        (folder / name).write_text("half of a p")
    (place.folder / "waves" / name.replace("0", "a")).mkdir()
    (place.folder / ".keep").touch()
    assert place.fire().code == 0
    judge.after_all(place)
    assert (place.folder / ".keep").exists()


@pytest.mark.parametrize("name", ["manifest.json", "rubric.md"])
@pytest.mark.parametrize("damage", [cut, flipped, Path.unlink])
def test_a_wave_that_cannot_be_read_is_told_and_can_be_given_up(name: str, damage: Damage, make: Make) -> None:
    place = half_done(make)
    wave = place.wave
    damage(wave / name)
    arrived = len(place.provider.lines("arrived"))
    fired = place.fire()
    assert (fired.code, fired.state) == (65, "failed")
    assert "wave abandon" in str(fired.json)
    assert len(place.provider.lines("arrived")) == arrived
    assert place.run("abandon", THEME, "--by", "ana").code == 0
    assert place.fire().code == 0
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NULL") == [(0,)]
    assert list(place.folder.rglob(f"{wave.name}*/journal/*.jsonl")), "what it paid for is kept"


def test_a_wave_folder_that_is_gone_is_told_and_can_be_given_up(make: Make) -> None:
    place = half_done(make)
    shutil.rmtree(place.wave)
    fired = place.fire()
    assert fired.code == 65
    assert "wave abandon" in str(fired.json)
    assert place.run("abandon", THEME, "--by", "ana").code == 0
    assert place.fire().code == 0


def test_a_data_folder_of_another_database_is_refused_and_left_as_it_is(make: Make) -> None:
    place = half_done(make)
    place.sql("UPDATE waves.installation SET id = gen_random_uuid()")
    place.sql("DELETE FROM waves.wave")
    parts = sorted(place.wave.rglob("*.json*"))
    fired = place.fire()
    assert (fired.code, fired.state) == (78, "failed")
    assert "another database" in str(fired.json)
    assert sorted(place.wave.rglob("*.json*")) == parts


def test_what_a_wave_paid_for_that_the_database_forgot_is_restored_without_a_request(make: Make) -> None:
    """The database came back from an older backup."""
    place = half_done(make)
    place.sql("DELETE FROM waves.wave")
    forgotten = place.wave
    paid = {key for call in judge.calls(place).values() if call.paid for _, key, _ in call.sent.items}
    arrived = len(place.provider.lines("arrived"))
    place.fire_until_complete()
    judge.after_all(place)
    asked = sum(len(line["items"]) for line in place.provider.lines("arrived")[arrived:])
    assert asked == place.n_items - len(paid)
    assert len(list(forgotten.glob("parts/*/*.json"))) == len(paid)
