"""The folder of one wave, `data/<theme>/waves/<wave_id>/`: all that a wave needs to continue, without the database.
That of an evaluation, which is never merged, is under `data/<theme>/evaluations/`.

It is built under a temporary name and becomes visible when it is complete and durable. Manifest and rubric never change
and carry checksums. Names of themes, waves and runs are checked here before they become names of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from waves.calls import Call
from waves.errors import BadDataError, ConfigurationError
from waves.models import Item, Limits, Manifest
from waves.spool.faults import disk_faults
from waves.spool.files import make_folder, new_folder, read_file, write_atomic
from waves.spool.history import History, merge
from waves.spool.journal import Journal, read_journal, run_of
from waves.spool.parts import Check, Parts
from waves.spool.sealed import canonical, parse_timestamp, seal, unseal

WaveRoot = Literal["waves", "evaluations"]
"""The folder of a theme that contains the wave."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BATCH = re.compile(r"batch_(\d{4,})\.jsonl")
_CLOSED = "closed.json"
_FOLDERS = ("batches", "journal", "parts")
_NAMES = "Ids are letters, digits, dots, dashes and underscores, up to 128 of them."
_RESTORE = "Restore it from a backup, or give the wave up: wave abandon {} --by NAME. What it paid for is kept."


@dataclass(frozen=True, slots=True)
class WaveDir:
    """A wave on disk. `rubric_text` is the rubric as it was when the wave was opened."""

    path: Path
    manifest: Manifest
    rubric_text: str = field(repr=False)

    @classmethod
    def create(cls, data: Path, manifest: Manifest, rubric_text: str) -> WaveDir:
        """Makes the wave durable, then visible. DiskError if it cannot; then nothing is visible."""
        root: WaveRoot = "evaluations" if manifest.kind == "evaluation" else "waves"
        path = _wave_path(data, manifest.theme_id, manifest.wave_id, root)
        make_folder(data, 0o711)
        make_folder(path.parent)
        with new_folder(path) as building:
            for name in _FOLDERS:
                make_folder(building / name, durable=False)
            write_atomic(building / "manifest.json", _encode(manifest, rubric_text.encode()), durable=False)
            write_atomic(building / "rubric.md", rubric_text.encode(), durable=False)
        return cls(path, manifest, rubric_text)

    @classmethod
    def open(cls, data: Path, theme_id: str, wave_id: str, installation: str, root: WaveRoot = "waves") -> WaveDir:
        """ConfigurationError for a wave of another database, BadDataError for one that cannot be read."""
        path, restore = _wave_path(data, theme_id, wave_id, root), _RESTORE.format(theme_id)
        if not (path / "manifest.json").exists() or not (path / "rubric.md").exists():
            raise BadDataError(f"the manifest or the rubric of wave {wave_id} is missing on this disk", restore)
        try:
            manifest, rubric_sha256 = _decode(read_file(path / "manifest.json"))
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataError(f"the manifest of wave {wave_id} is not what was written", restore) from error
        if manifest.installation != installation:
            raise ConfigurationError(
                f"wave {wave_id} belongs to another database than the one that is configured",
                "Check `database:` and `data:` in waves.yaml: each database has a data folder of its own.",
            )
        if (manifest.theme_id, manifest.wave_id) != (theme_id, wave_id):
            raise BadDataError(f"the manifest of wave {wave_id} is that of another wave", restore)
        rubric = read_file(path / "rubric.md")
        if sha256(rubric).hexdigest() != rubric_sha256:
            raise BadDataError(f"the rubric of wave {wave_id} is not what it was when the wave was opened", restore)
        return cls(path, manifest, rubric.decode())

    def parts(self, check: Check) -> Parts:
        return Parts(self.path / "parts", self.manifest, check)

    def write_batches(self, batches: Sequence[Sequence[Item]]) -> list[str]:
        """Writes the next batches, a file each, for a person to see what is asked together; nothing reads them back.
        Returns their names, which were never used before.

        Not fsynced: after a power failure batches are built again from the missing items.
        """
        folder = self.path / "batches"
        with disk_faults(folder):
            used = [int(match[1]) for path in folder.iterdir() if (match := _BATCH.fullmatch(path.name))]
        names = []
        for number, batch in enumerate(batches, start=max(used, default=0) + 1):
            names.append(f"batch_{number:04d}.jsonl")
            write_atomic(folder / names[-1], b"".join(canonical(asdict(item)) + b"\n" for item in batch), durable=False)
        return names

    def new_journal(self, run_id: str) -> Journal:
        """A journal of this run. It has another one if it comes back to the wave, through the next backend."""
        before = sum(run_of(path) == run_id for path in self.journals())
        return Journal(self.path / "journal" / f"{_file_name(run_id)}{f'~{before + 1}' if before else ''}.jsonl")

    def journals(self) -> list[Path]:
        return sorted((self.path / "journal").glob("*.jsonl"))

    def calls(self) -> dict[str, Call]:
        """Every request of the wave, by its id, from all journals."""
        return self.history().calls

    def history(self) -> History:
        """All journals of the wave, merged."""
        return merge([(run_of(path), read_journal(path)) for path in self.journals()])

    @property
    def closed(self) -> bool:
        return (self.path / _CLOSED).exists()

    def close(self, record: Mapping[str, Any]) -> None:
        """Writes beside the parts what the database holds about the closed wave. Idempotent."""
        write_atomic(self.path / _CLOSED, canonical(record) + b"\n")


def wave_ids(data: Path, theme_id: str, root: WaveRoot = "waves") -> list[str]:
    """The waves of a theme on this disk, oldest first."""
    folder = data / _file_name(theme_id) / root
    with disk_faults(folder):
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(folder) if _NAME.fullmatch(entry.name) and entry.is_dir())


def closed_on_disk(data: Path, theme_id: str, wave_id: str, root: WaveRoot = "waves") -> bool:
    """Whether the wave has its `closed.json`: everything about it is in the database. Opens nothing."""
    return (_wave_path(data, theme_id, wave_id, root) / _CLOSED).exists()


def _wave_path(data: Path, theme_id: str, wave_id: str, root: WaveRoot) -> Path:
    return data / _file_name(theme_id) / root / _file_name(wave_id)


def _file_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadDataError("A theme, wave or run has an id that cannot be the name of a file.", _NAMES)
    return name


def _encode(manifest: Manifest, rubric: bytes) -> bytes:
    fields = asdict(manifest) | {"created_at": manifest.created_at.isoformat()}
    return seal({**fields, "rubric_sha256": sha256(rubric).hexdigest()})


def _plain(value: object) -> Any:  # noqa: ANN401 - a limit of any kind
    """A limit as it was before it was written: only outputs hold a Decimal."""
    return float(value) if isinstance(value, Decimal) else value


def _decode(data: bytes) -> tuple[Manifest, str]:
    fields = unseal(data)
    rubric_sha256 = fields.pop("rubric_sha256")
    fields["items"] = tuple(Item(**item) for item in fields["items"])
    fields["limits"] = Limits(**{name: _plain(value) for name, value in fields["limits"].items()})
    fields["created_at"] = parse_timestamp(fields["created_at"])
    return Manifest(**fields), rubric_sha256
