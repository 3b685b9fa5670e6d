"""Erases what the disk holds of one row: everywhere below a theme's folder, in every folder with the layout of a wave.

A file that also holds other rows is rewritten and renamed; what is not about the row stays byte for byte. In a journal
the row's ids become empty, and the answers that judged it lose their whole text but keep their cost: their verdicts on
other rows are in parts and in the database. Unreadable files that may be about the row are removed. A wave's manifest
comes last, because it shows that the wave held the row: after a kill at any point, the next try finds what is left.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from waves.calls import Paid, Sent
from waves.spool import files
from waves.spool.faults import disk_faults
from waves.spool.journal import encode, entry_of
from waves.spool.parts import part_name
from waves.spool.sealed import canonical, seal, unseal

_WAVE = frozenset({"manifest.json", "batches", "journal", "parts"})
_ITEM = frozenset({"entity_key", "input_hash", "input"})
_LOCKS = frozenset({"lock", "workers.lock"})
_MIN_TEXT = 8
"""A text of this many characters or more is taken for the row's own in any place."""


@dataclass(frozen=True, slots=True)
class RowTraces:
    """What the manifests of a theme show about the row: the waves that held it, its texts, and the requests that asked
    about it."""

    wave_ids: frozenset[str]
    texts: frozenset[str]
    calls: frozenset[str]


def find_traces(folder: Path, entity_key: str) -> RowTraces:
    """Reads only."""
    waves, texts, calls = set(), set(), set()
    for place in _places(folder)[0]:
        for item in _items_of(_manifest(place), entity_key):
            waves.add(place.name)
            calls |= _calls(place, entity_key)
            texts |= {text for text in item["input"].values() if text and len(text) >= _MIN_TEXT}
    return RowTraces(frozenset(waves), frozenset(texts), frozenset(calls))


def erase(folder: Path, entity_key: str, texts: frozenset[str], *, dry_run: bool) -> int:
    """Erases the row. Returns the number of files that held something of it. Only under the theme's lock."""
    places, loose = _places(folder)
    needles = _needles(entity_key, texts)
    changed = 0
    for path in loose:
        if _mentions(path, needles):
            changed += _replace(path, None, dry_run=dry_run)
    for place in places:
        changed += _erase_in(place, entity_key, needles, dry_run=dry_run)
    return changed


def _places(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders with the layout of a wave, and the files outside of them except the locks."""
    places, loose = [], []
    with disk_faults(folder):
        for path, folders, names in os.walk(folder):
            if _WAVE & {*folders, *names}:
                places.append(Path(path))
                folders.clear()
                continue
            top = Path(path) == folder
            loose += [Path(path, name) for name in names if not (top and name in _LOCKS)]
    return sorted(places), sorted(loose)


def _manifest(place: Path) -> dict[str, Any] | None:
    """None if there is none, or if it cannot be read."""
    try:
        manifest = unseal(files.read_file(place / "manifest.json")) if (place / "manifest.json").exists() else {}
        return manifest if all(item.keys() >= _ITEM for item in manifest["items"]) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _items_of(manifest: dict[str, Any] | None, entity_key: str) -> list[dict[str, Any]]:
    return [item for item in manifest["items"] if item["entity_key"] == entity_key] if manifest else []


def _mentions(path: Path, needles: list[bytes]) -> bool:
    data = files.read_file(path)
    return any(needle in data for needle in needles)


def _erase_in(place: Path, entity_key: str, needles: list[bytes], *, dry_run: bool) -> int:
    """One wave. If its manifest cannot be read, the whole wave is removed as soon as a file in it mentions the row."""
    manifest = _manifest(place)
    if manifest is None:
        return _erase_unreadable(place, needles, dry_run=dry_run)
    if not _items_of(manifest, entity_key):
        return 0
    others = [item for item in manifest["items"] if item["entity_key"] != entity_key]
    names = {part_name(item["entity_key"], item["input_hash"]) for item in others}
    calls = _calls(place, entity_key)
    changed = 0
    left: bytes | None
    for path in _files(place):
        match path.relative_to(place).parts:
            case ("manifest.json",) | ("rubric.md",) | ("closed.json",):
                continue
            case ("batches", name) if name.endswith(".jsonl"):
                left = _batch_without(files.read_file(path), entity_key)
            case ("journal", name) if name.endswith(".jsonl"):
                left = _journal_without(files.read_file(path), entity_key, calls)
            case ("parts", _, name) if name in names:
                left = _part_without(files.read_file(path), needles)
            case _:  # its part; a file that was set aside; a file made from the wave, such as a review
                left = None
        changed += _replace(path, left, dry_run=dry_run)
    return changed + _replace(place / "manifest.json", seal({**manifest, "items": others}), dry_run=dry_run)


def _erase_unreadable(place: Path, needles: list[bytes], *, dry_run: bool) -> int:
    key, *texts = needles
    exact = [b'"entity_key":' + key, b"," + key + b',"', *texts]  # in a journal a short id looks like a key
    paths = list(_files(place))
    if not any(_mentions(path, exact) for path in paths):
        return 0
    if not dry_run:
        files.remove_tree(place)
    return len(paths)


def _files(place: Path) -> Iterator[Path]:
    with disk_faults(place):
        yield from sorted(Path(path, name) for path, _, names in os.walk(place) for name in names)


def _replace(path: Path, left: bytes | None, *, dry_run: bool) -> int:
    """Replaces a file's content by `left`, or removes the file if it is None. Returns 1 if that changes it, else 0."""
    if left is not None and left == files.read_file(path):
        return 0
    if dry_run:
        return 1
    if left is None:
        files.remove_file(path)
    else:
        files.write_atomic(path, left)
    return 1


def _calls(place: Path, entity_key: str) -> set[str]:
    """The requests that asked about the row, including those whose `sent` line an earlier try has blanked."""
    calls = set()
    for path in (place / "journal").glob("*.jsonl"):
        for line in files.read_file(path).split(b"\n"):
            entry = entry_of(line)
            if isinstance(entry, Sent) and any(key == entity_key or not digest for _, key, digest in entry.items):
                calls.add(entry.call_id)
    return calls


def _journal_without(data: bytes, entity_key: str, calls: set[str]) -> bytes:
    kept = []
    for line in data.split(b"\n"):
        match entry_of(line):
            case None:
                continue
            case Sent() as sent if any(key == entity_key for _, key, _ in sent.items):
                items = tuple((short, "", "") if key == entity_key else (short, key, x) for short, key, x in sent.items)
                kept.append(encode(replace(sent, items=items)))
            case Paid() as paid if paid.call_id in calls and paid.raw:
                kept.append(encode(replace(paid, raw="")))
            case _:
                kept.append(line + b"\n")
    return b"".join(kept)


def _batch_without(data: bytes, entity_key: str) -> bytes:
    return b"".join(line + b"\n" for line in data.split(b"\n") if _item_of_another(line, entity_key))


def _item_of_another(line: bytes, entity_key: str) -> bool:
    try:
        return json.loads(line)["entity_key"] != entity_key if line else False
    except (ValueError, TypeError, KeyError):
        return False


def _part_without(data: bytes, needles: list[bytes]) -> bytes | None:
    """The part of another row; None if it is about this row: a copy in the wrong place, or a damaged file."""
    return None if b'"entity_key":' + needles[0] in data else data


def _needles(entity_key: str, texts: frozenset[str]) -> list[bytes]:
    """The spellings of the row in a file: first its key as JSON, then its texts as JSON, HTML and plain text."""
    spellings = [canonical(text)[1:-1] for text in sorted(texts)]
    for text in sorted(texts):
        plain = (json.dumps(text, ensure_ascii=False)[1:-1], text, html.escape(text))
        spellings += [form.encode(errors="surrogatepass") for form in plain]
    return [canonical(entity_key), *dict.fromkeys(spellings)]
