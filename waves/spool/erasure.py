"""Erase what the disk holds of one row: everywhere below a theme's folder, in whatever has the layout of a wave.

A file that holds other rows as well is written anew and renamed; whatever is not about the row stays byte for byte. In
a journal the row's ids become empty and the answers that judged it lose their text as a whole, but for their cost: what
they said of other rows is in parts and verdicts. What cannot be read and may be about the row goes. A wave's manifest
comes last, because it says that the wave held the row: killed at any point, the next try finds what is left.
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
from waves.spool.faults import reported
from waves.spool.journal import encode, entry_of
from waves.spool.parts import part_name
from waves.spool.sealed import canonical, seal, unseal

_WAVE = frozenset({"manifest.json", "batches", "journal", "parts"})
_ITEM = frozenset({"entity_key", "input_hash", "input"})
_LOCKS = frozenset({"lock", "workers.lock"})
_TELLING = 8
"""Characters from which on a text is taken for the row's own, wherever it stands."""


@dataclass(frozen=True, slots=True)
class RowTraces:
    """What the manifests of a theme say of the row: the waves that held it, its texts, and the requests that asked for
    it."""

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
            texts |= {text for text in item["input"].values() if text and len(text) >= _TELLING}
    return RowTraces(frozenset(waves), frozenset(texts), frozenset(calls))


def erase(folder: Path, entity_key: str, texts: frozenset[str], *, dry_run: bool) -> int:
    """How many files held something of the row; none does any more. Only under the theme's lock."""
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
    """The folders with the layout of a wave, and the files in none of them, the locks aside."""
    places, loose = [], []
    with reported(folder):
        for where, folders, names in os.walk(folder):
            if _WAVE & {*folders, *names}:
                places.append(Path(where))
                folders.clear()
                continue
            top = Path(where) == folder
            loose += [Path(where, name) for name in names if not (top and name in _LOCKS)]
    return sorted(places), sorted(loose)


def _manifest(place: Path) -> dict[str, Any] | None:
    """None where there is none, or none that can be read."""
    try:
        found = unseal(files.read_file(place / "manifest.json")) if (place / "manifest.json").exists() else {}
        return found if all(item.keys() >= _ITEM for item in found["items"]) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _items_of(manifest: dict[str, Any] | None, entity_key: str) -> list[dict[str, Any]]:
    return [item for item in manifest["items"] if item["entity_key"] == entity_key] if manifest else []


def _mentions(path: Path, needles: list[bytes]) -> bool:
    data = files.read_file(path)
    return any(needle in data for needle in needles)


def _erase_in(place: Path, entity_key: str, needles: list[bytes], *, dry_run: bool) -> int:
    """One wave. Where nobody can say what it held, it goes as a whole as soon as anything in it speaks of the row."""
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
            case _:  # its part; what was set aside; what was made from the wave, such as a review
                left = None
        changed += _replace(path, left, dry_run=dry_run)
    return changed + _replace(place / "manifest.json", seal({**manifest, "items": others}), dry_run=dry_run)


def _erase_unreadable(place: Path, needles: list[bytes], *, dry_run: bool) -> int:
    key, *texts = needles
    exact = [b'"entity_key":' + key, b"," + key + b',"', *texts]  # in a journal a short id looks like a key
    found = list(_files(place))
    if not any(_mentions(path, exact) for path in found):
        return 0
    if not dry_run:
        files.remove_tree(place)
    return len(found)


def _files(place: Path) -> Iterator[Path]:
    with reported(place):
        yield from sorted(Path(where, name) for where, _, names in os.walk(place) for name in names)


def _replace(path: Path, left: bytes | None, *, dry_run: bool) -> int:
    """Leaves `left` of a file, or nothing; 1 where that changes something."""
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
    """The requests that asked for the row, those included whose `sent` line an earlier try has blanked."""
    found = set()
    for path in (place / "journal").glob("*.jsonl"):
        for line in files.read_file(path).split(b"\n"):
            entry = entry_of(line)
            if isinstance(entry, Sent) and any(key == entity_key or not digest for _, key, digest in entry.items):
                found.add(entry.call_id)
    return found


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
    """The part of another row, unless it is none: a copy in the wrong place, or damaged."""
    return None if b'"entity_key":' + needles[0] in data else data


def _needles(entity_key: str, texts: frozenset[str]) -> list[bytes]:
    """How the row may be spelt in a file: first its key as JSON, then its texts as JSON, HTML and plain text."""
    spelt = [canonical(text)[1:-1] for text in sorted(texts)]
    for text in sorted(texts):
        plain = (json.dumps(text, ensure_ascii=False)[1:-1], text, html.escape(text))
        spelt += [form.encode(errors="surrogatepass") for form in plain]
    return [canonical(entity_key), *dict.fromkeys(spelt)]
