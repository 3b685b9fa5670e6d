"""Parts: they come back as they were written, and whatever is not exactly one is found out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waves.errors import BadDataError, DiskError
from waves.models import Item, Manifest, Part
from waves.spool import files
from waves.spool.parts import Parts, decode, encode, part_path
from waves.spool.sealed import seal


def _as_json_reads_it(text: str) -> str:
    """Two surrogates that stand side by side are one character to JSON; any other text is left as it is."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


_KINDS = "aZ0 é漢🙂\"'\\/{}[],:\n\r\t\x00\x1f\x7f\x85\u2028\ud83d\ude42\ud800"
TEXT = st.text(st.sampled_from(_KINDS), max_size=4).map(_as_json_reads_it)
"""One character of each kind: drawn from all of Unicode it costs four times as much, and most of it is Chinese."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PARTS = st.builds(
    Part,
    theme=TEXT,
    wave=TEXT,
    entity_key=TEXT,
    input_hash=TEXT,
    rubric_version=TEXT,
    model=TEXT,
    backend=TEXT,
    call_id=TEXT,
    output=st.dictionaries(TEXT | st.sampled_from(["sha256", ',"sha256":"', "theme", "wave"]), JSON, max_size=4),
    confidence=st.none() | st.floats(0, 1) | st.sampled_from([0, 1]),
    parse=st.sampled_from(["strict", "fenced", "repaired", "retried"]),
    created_at=st.datetimes(timezones=st.just(UTC)),
)


few = settings(max_examples=10)
"""Each of them is damaged at every byte."""


def accept(_output: Mapping[str, Any]) -> str | None:
    return None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    return folder


@given(PARTS)
def test_a_part_comes_back_as_it_was(part: Part) -> None:
    assert decode(encode(part)) == part


@pytest.mark.parametrize("number", ["12345678901234567.89", "0.10", "1E-7", "-0.0", "1999.0"])
def test_a_decimal_is_on_disk_as_it_was_written(number: str, manifest: Manifest, part_of: Callable[..., Part]) -> None:
    part = replace(part_of(manifest.items[0]), output={"price": Decimal(number)})
    assert f'"price":{number}}}'.encode() in encode(part)
    assert repr(decode(encode(part)).output) == repr(part.output)


@few
@given(PARTS, st.integers(1, 255))
def test_any_change_of_a_single_byte_is_found_out(part: Part, difference: int) -> None:
    good = encode(part)
    for at, byte in enumerate(good):
        with pytest.raises(BadDataError):
            decode(good[:at] + bytes([byte ^ difference]) + good[at + 1 :])


@few
@given(PARTS, st.binary(min_size=1, max_size=9))
def test_a_part_that_is_cut_off_or_too_long_is_found_out(part: Part, more: bytes) -> None:
    good = encode(part)
    for bad in (good + more, *(good[:end] for end in range(len(good)))):
        with pytest.raises(BadDataError):
            decode(bad)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_no_part(data: bytes) -> None:
    with pytest.raises(BadDataError):
        decode(data)


def test_a_part_on_disk_has_the_agreed_form(manifest: Manifest, part_of: Callable[..., Part]) -> None:
    data = encode(part_of(manifest.items[0]))
    fields = json.loads(data)
    assert set(fields) == {
        "theme",
        "wave",
        "entity_key",
        "input_hash",
        "rubric_version",
        "model",
        "backend",
        "call_id",
        "output",
        "confidence",
        "parse",
        "created_at",
        "sha256",
    }
    assert data == json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    claimed = fields.pop("sha256")
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert claimed == sha256(body.encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"theme": 1},
        {"entity_key": None},
        {"output": ["question"]},
        {"confidence": "0.9"},
        {"confidence": True},
        {"parse": "guessed"},
        {"parse": ["strict"]},
        {"created_at": "yesterday"},
        {"created_at": "2026-11-20T23:00:03"},
        {"created_at": 5},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_sealed_object_with_other_fields_is_no_part(
    manifest: Manifest, part_of: Callable[..., Part], change: dict[str, Any]
) -> None:
    fields = json.loads(encode(part_of(manifest.items[0])))
    del fields["sha256"]
    assert decode(seal(fields))
    with pytest.raises(BadDataError) as caught:
        decode(seal({**fields, **change}))
    assert caught.value.hint


@pytest.mark.parametrize("sealed", [{"a": {"b": 1, "sha256": "x"}}, {"output": "[" * 100_000}], ids=["nested", "deep"])
def test_a_seal_in_the_wrong_place_is_none(sealed: dict[str, Any]) -> None:
    with pytest.raises(BadDataError):
        decode(seal(sealed))


def test_json_that_is_nested_too_deeply_is_no_part() -> None:
    body = b'{"output":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    digest = sha256(body[:-1] + b',"theme":"t"}').hexdigest().encode()
    with pytest.raises(BadDataError):
        decode(body[:-1] + b',"sha256":"' + digest + b'","theme":"t"}')


@pytest.mark.parametrize("output", [{"score": float("nan")}, {"score": {1, 2}}], ids=["NaN", "a set"])
def test_an_output_that_json_cannot_say_is_not_written(
    root: Path, manifest: Manifest, part_of: Callable[..., Part], output: dict[str, Any]
) -> None:
    with pytest.raises(BadDataError):
        Parts(root, manifest, accept).write(part_of(manifest.items[0], output=output))
    assert [path for path in root.rglob("*") if path.is_file()] == []


@given(TEXT, TEXT)
def test_no_character_of_a_key_reaches_a_file_name(entity_key: str, input_hash: str) -> None:
    path = part_path(Path("parts"), entity_key, input_hash)
    assert re.fullmatch(r"parts/([0-9a-f]{2})/\1[0-9a-f]{62}\.json", str(path))


def test_keys_and_hashes_cannot_be_mixed_up_in_a_name() -> None:
    root = Path("parts")
    twins = [("Key", "h"), ("KEY", "h"), ("key", "h"), ("k", "eyh"), ("ke", "yh"), ('k","e', "h"), ("k", 'e","h')]
    assert len({str(part_path(root, *twin)).lower() for twin in twins}) == len(twins)


def test_hostile_keys_are_written_and_read_inside_the_folder(
    root: Path, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    parts = Parts(root, manifest, accept)
    written = {item.identity: part_of(item) for item in manifest.items}
    for part in written.values():
        parts.write(part)
    assert parts.read() == (written, [])
    assert parts.present() == set(written)
    names = [path.relative_to(root).as_posix() for path in root.parent.rglob("*") if path.is_file()]
    assert len(names) == len(manifest.items)
    assert all(re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.json", name) for name in names)


def test_a_part_written_again_replaces_the_first(root: Path, manifest: Manifest, part_of: Callable[..., Part]) -> None:
    parts = Parts(root, manifest, accept)
    first, second = part_of(manifest.items[0]), part_of(manifest.items[0], call_id="call-2")
    parts.write(first)
    parts.write(second)
    assert parts.read() == ({manifest.items[0].identity: second}, [])


def _rewritten(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_each_kind_of_corrupt_file_is_named_and_the_good_parts_are_read(
    root: Path, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    good, *others = manifest.items
    parts = Parts(root, manifest, accept)
    parts.write(part_of(good))
    stranger = Item("stranger", "0" * 64, {})

    def at(item: Item) -> Path:
        return part_path(root, *item.identity)

    flipped = bytearray(encode(part_of(others[0])))
    flipped[40] ^= 1
    corrupt = [
        _rewritten(at(others[0]), bytes(flipped)),
        _rewritten(at(others[1]), encode(part_of(others[1]))[:-20]),
        _rewritten(at(others[2]), b""),
        _rewritten(at(others[3]), b"<html>foreign</html>"),
        _rewritten(at(others[4]), encode(part_of(others[4], wave="20261119T230003Z-0000"))),
        _rewritten(at(others[5]), encode(part_of(others[5], theme="other"))),
        _rewritten(at(others[6]), encode(part_of(others[6], rubric_version="v1-0000000"))),
        _rewritten(at(others[7]), encode(part_of(others[8]))),
        _rewritten(at(stranger), encode(part_of(stranger))),
        _rewritten(root / "zz" / at(others[8]).name, encode(part_of(others[8]))),
        _rewritten(root / at(others[8]).name, encode(part_of(others[8]))),
        _rewritten(at(others[8]).with_name("notes.txt"), b"x"),
    ]
    at(others[8]).mkdir(parents=True)
    corrupt.append(at(others[8]))
    assert parts.read() == ({good.identity: part_of(good)}, sorted(corrupt))


def test_a_link_to_a_part_is_none(root: Path, manifest: Manifest, part_of: Callable[..., Part]) -> None:
    path = part_path(root, *manifest.items[0].identity)
    path.parent.mkdir()
    path.symlink_to(_rewritten(root.parent / "elsewhere.json", encode(part_of(manifest.items[0]))))
    parts = Parts(root, manifest, accept)
    assert parts.read() == ({}, [path])
    assert parts.present() == set()


def test_a_part_that_is_taken_away_while_the_others_are_read_is_no_corrupt_one(
    root: Path, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    # Of 257 items two share a folder, and a folder is listed before its parts are read.
    items = tuple(Item(f"key-{n}", f"{n:064x}", {}) for n in range(257))
    folders = [part_path(root, *item.identity).parent for item in items]
    shared = next(folder for folder in folders if folders.count(folder) > 1)
    twins = [item for item, folder in zip(items, folders, strict=True) if folder == shared]

    def take_away(output: Mapping[str, Any]) -> str | None:
        for item in twins:
            if item.entity_key != output["key"]:
                part_path(root, *item.identity).unlink(missing_ok=True)
        return None

    parts = Parts(root, replace(manifest, items=items), take_away)
    for item in twins:
        parts.write(part_of(item, output={"key": item.entity_key}))
    valid, corrupt = parts.read()
    assert (len(valid), corrupt) == (1, [])


def test_a_part_that_the_schema_refuses_is_corrupt(
    root: Path, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    seen: list[Mapping[str, Any]] = []

    def check(output: Mapping[str, Any]) -> str | None:
        seen.append(output)
        return None if output["labels"] == ["question"] else "unknown label"

    parts = Parts(root, manifest, check)
    parts.write(part_of(manifest.items[0]))
    parts.write(part_of(manifest.items[1], output={"labels": ["bogus"]}, confidence=None))
    valid, corrupt = parts.read()
    assert list(valid) == [manifest.items[0].identity]
    assert corrupt == [part_path(root, *manifest.items[1].identity)]
    assert sorted(seen, key=str) == [{"labels": ["bogus"]}, {"labels": ["question"], "confidence": 0.9}]


def test_temporary_files_are_passed_over_and_swept(
    root: Path, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    parts = Parts(root, manifest, accept)
    parts.write(part_of(manifest.items[0]))
    folder = part_path(root, *manifest.items[0].identity).parent
    (folder / files.temporary_name()).write_bytes(b"half")
    assert parts.read() == ({manifest.items[0].identity: part_of(manifest.items[0])}, [])
    assert files.sweep_temporary(root) == 1
    assert len(list(folder.iterdir())) == 1


def test_parts_become_durable_together_and_in_order(
    disk: Any, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    parts = Parts(disk.root, manifest, accept)
    for item in manifest.items[:3]:
        parts.write(part_of(item))
    assert disk.order("fsync") == []
    parts.sync()
    names = sorted(part_path(Path(), *item.identity).as_posix() for item in manifest.items[:3])
    synced = [path for _, path in disk.order("fsync")]
    assert sorted(synced[:3]) == names
    assert sorted(synced[3:-1]) == sorted({name[:2] for name in names})
    assert synced[-1] == "."


def test_a_part_that_cannot_be_synced_counts_as_missing_again(
    disk: Any, manifest: Manifest, part_of: Callable[..., Part]
) -> None:
    parts = Parts(disk.root, manifest, accept)
    for item in manifest.items[:2]:
        parts.write(part_of(item))
    disk.fail("fsync", part_path(Path(), *manifest.items[0].identity).as_posix(), 5)
    with pytest.raises(DiskError):
        parts.sync()
    assert parts.present() == {manifest.items[1].identity}


def test_a_big_part_is_read_whole(root: Path, manifest: Manifest, part_of: Callable[..., Part]) -> None:
    big = part_of(manifest.items[0], output={"summary": "x" * 1_000_000})
    parts = Parts(root, manifest, accept)
    parts.write(big)
    assert parts.read() == ({manifest.items[0].identity: big}, [])


def test_a_part_of_any_moment_keeps_it(manifest: Manifest, part_of: Callable[..., Part]) -> None:
    part = replace(part_of(manifest.items[0]), created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert decode(encode(part)).created_at == part.created_at
