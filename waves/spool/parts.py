"""One item's accepted verdict as one JSON file: the checkpoint of a wave, and the truth about its progress.

A part is valid only if its checksum holds, it belongs to this wave and to the item that its file name stands for, and
its output passes the rubric's schema. Until `sync` the journal can rebuild every part, so single writes need no fsync.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

from waves.errors import BadDataError
from waves.models import Identity, Manifest, ParseRung, Part
from waves.spool.faults import disk_faults
from waves.spool.files import make_folder, sync_files, sync_folder, write_atomic
from waves.spool.sealed import canonical, parse_timestamp, seal, unseal

Check = Callable[[Mapping[str, Any]], str | None]

_PIECE = 1 << 14  # bytes; most parts are one
_RUNGS = frozenset(get_args(ParseRung))
_TEXTS = ("theme", "wave", "entity_key", "input_hash", "rubric_version", "model", "backend", "call_id")
_texts = itemgetter(*_TEXTS)
_TEXT = {str}
_NUMBERS = (Decimal, int, type(None))
_REBUILT = "The next fire sets it aside and rebuilds it from the journal."
_KEYS = frozenset({*_TEXTS, "output", "confidence", "parse", "created_at"})


def part_path(root: Path, entity_key: str, input_hash: str) -> Path:
    """`<hh>/<sha256>.json` below `root`: no character of a key ever reaches a file name."""
    name = part_name(entity_key, input_hash)
    return root / name[:2] / name


def encode(part: Part) -> bytes:
    """BadDataError for an output that JSON cannot express, e.g. NaN."""
    fields = {key: getattr(part, key) for key in _TEXTS}
    fields |= {"output": part.output, "confidence": part.confidence, "parse": part.parse}
    try:
        return seal({**fields, "created_at": part.created_at.isoformat()})
    except (ValueError, TypeError, RecursionError) as error:
        raise BadDataError("The output of an item cannot be written as JSON.", "This is a bug: report it.") from error


def decode(data: bytes) -> Part:
    """BadDataError on any defect, the checksum included."""
    try:
        return _part(unseal(data))
    except (ValueError, TypeError) as error:
        raise BadDataError("A part is not what was written.", _REBUILT) from error


class Parts:
    """The parts of one wave, in the folder `root`.

    `check` takes an output with its confidence, if it has one, and returns the reason why the rubric's schema refuses
    it, or None.
    """

    def __init__(self, root: Path, manifest: Manifest, check: Check) -> None:
        self._root = root
        self._manifest = manifest
        self._check = check
        self._names = {part_name(*item.identity): item.identity for item in manifest.items}
        self._folders: set[str] = set()

    def write(self, part: Part) -> None:
        """Writes the part, over an existing one. Durable after `sync`."""
        path = part_path(self._root, part.entity_key, part.input_hash)
        if path.parent.name not in self._folders:
            make_folder(path.parent, durable=False)
            self._folders.add(path.parent.name)
        write_atomic(path, encode(part), durable=False)

    def read(self) -> tuple[dict[Identity, Part], list[Path]]:
        """The valid parts, and the files that are not: wrong checksum, schema, wave, version or place."""
        valid: dict[Identity, Part] = {}
        corrupt: list[Path] = []
        with disk_faults(self._root):
            for entry, identity in self._entries():
                try:
                    part = self._valid(entry, identity) if identity else None
                except FileNotFoundError:
                    continue  # a fire removed it while `wave status` reads
                if identity and part:
                    valid[identity] = part
                else:
                    corrupt.append(Path(entry.path))
        return valid, sorted(corrupt)

    def present(self) -> set[Identity]:
        """The items with anything in the place of their part, unread. What is no part is set aside when it is read; a
        link counts as nothing, because a part that is written replaces it."""
        with disk_faults(self._root):
            return {identity for entry, identity in self._entries() if identity and not entry.is_symlink()}

    def sync(self) -> None:
        """Makes all parts durable together. DiskError if one cannot be: it is removed, and the journal rebuilds it."""
        with disk_faults(self._root):
            paths = [Path(entry.path) for entry, identity in self._entries() if identity and _is_file(entry)]
        sync_files(paths)
        sync_folder(self._root)

    def _entries(self) -> Iterator[tuple[os.DirEntry[str], Identity | None]]:
        """Every visible entry, with its item if it has the name of a part and is in that part's place."""
        for folder in _visible(self._root):
            if not folder.is_dir(follow_symlinks=False):
                yield folder, None
                continue
            for entry in _visible(folder.path):
                in_place = entry.name[:2] == folder.name
                yield entry, self._names.get(entry.name) if in_place else None

    def _valid(self, entry: os.DirEntry[str], identity: Identity) -> Part | None:
        if not _is_file(entry):
            return None
        try:
            part = decode(_read(entry.path))
        except BadDataError:
            return None
        manifest = self._manifest
        here = (manifest.theme_id, manifest.wave_id, manifest.rubric_version)
        if (part.entity_key, part.input_hash) != identity or (part.theme, part.wave, part.rubric_version) != here:
            return None
        output = part.output if part.confidence is None else {**part.output, "confidence": part.confidence}
        return part if self._check(output) is None else None


def _part(fields: dict[str, Any]) -> Part:
    if fields.keys() != _KEYS or set(map(type, _texts(fields))) != _TEXT:
        raise ValueError("not the fields of a part")
    if type(fields["confidence"]) not in _NUMBERS or type(fields["output"]) is not dict:
        raise ValueError("not an output with its confidence")
    if fields["parse"] not in _RUNGS:
        raise ValueError("not a rung of the parse ladder")
    fields["confidence"] = None if fields["confidence"] is None else float(fields["confidence"])
    fields["created_at"] = parse_timestamp(fields["created_at"])
    return Part(**fields)


def part_name(entity_key: str, input_hash: str) -> str:
    return sha256(canonical([entity_key, input_hash])).hexdigest() + ".json"


def _visible(folder: Path | str) -> list[os.DirEntry[str]]:
    """The entries that are not hidden: temporary files are, and what a desktop leaves behind."""
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = piece = os.read(fd, _PIECE)
        while len(piece) == _PIECE:
            piece = os.read(fd, _PIECE)
            data += piece
        return data
    finally:
        os.close(fd)
