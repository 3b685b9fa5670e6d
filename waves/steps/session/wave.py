"""A wave as the steps of a fire handle it: its folder, its manifest, its rubric as of prepare, and the state of each of
its items.

Each item is in exactly one set, the first that applies: part, quarantined, released, missing; so always
`emitted = parts + quarantined + released + missing`. Items are compared by identity, never by count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.errors import BadDataError
from waves.models import Counts, Ending, Identity, Item, Manifest, Part, VerdictState
from waves.spool import files, wave_dir
from waves.spool.parts import Parts
from waves.spool.wave_dir import WaveDir, WaveRoot
from waves.steps.session.session import Session
from waves.store.connect import Database
from waves.store.tables import verdicts, waves


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave that this host holds: a normal one, a pilot or an evaluation."""

    folder: WaveDir
    manifest: Manifest
    rubric: Rubric
    parts: Parts

    @property
    def wave_id(self) -> str:
        return self.manifest.wave_id


def open_from_disk(session: Session, wave_id: str, root: WaveRoot = "waves") -> Wave:
    """The wave from its own folder: it has the rubric and limits of its prepare, not those of the theme's files now."""
    return load_wave(WaveDir.open(session.data, session.theme.theme_id, wave_id, session.db.installation, root))


def load_wave(folder: WaveDir) -> Wave:
    version = folder.manifest.rubric_version
    rubric = rubrics.parse_registered(folder.rubric_text, version.rsplit("-", 1)[0], folder.path / "rubric.md")
    return Wave(folder, folder.manifest, rubric, folder.parts(schema_check(rubric)))


def schema_check(rubric: Rubric) -> Callable[[Mapping[str, Any]], str | None]:
    """A check of one stored verdict against the rubric's schema. It returns what is wrong, or None."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(rubric.schema))

    def check(verdict: Mapping[str, Any]) -> str | None:
        return None if validator.is_valid(verdict) else "it breaks the rubric's schema"

    return check


def batches_of(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def find_open_wave(session: Session) -> Wave | None:
    """The open wave of this theme, a pilot included."""
    row = waves.current(session.db, session.theme.theme_id)
    if row is None:
        return None
    if row.wave_id not in wave_dir.wave_ids(session.data, session.theme.theme_id):
        raise BadDataError(
            f"wave {row.wave_id} is open in the database, but {session.folder}/waves has no such folder",
            f"Restore the data folder, or give the wave up with `wave abandon {session.theme.theme_id} --by NAME`.",
        )
    return open_from_disk(session, row.wave_id)


@dataclass(frozen=True, slots=True)
class Progress:
    """A wave's items, split into the four sets. `missing` keeps the manifest's order."""

    parts: AbstractSet[Identity]
    quarantined: AbstractSet[Identity]
    released: AbstractSet[Identity]
    missing: tuple[Item, ...]

    @property
    def converged(self) -> bool:
        return not self.missing

    def counts(self) -> Counts:
        return Counts(
            emitted=len(self.parts) + len(self.quarantined) + len(self.released) + len(self.missing),
            parts=len(self.parts),
            released=len(self.released),
            quarantined=len(self.quarantined),
            missing=len(self.missing),
        )


def split_items(manifest: Manifest, parts: Iterable[Identity], settled: Mapping[Identity, VerdictState]) -> Progress:
    """Split `manifest.items` by the ids of valid parts and the verdicts that were `settled` in this wave without a
    part."""
    valid = set(parts)
    done, quarantined, released, missing = set(), set(), set(), []
    for item in manifest.items:
        identity = item.identity
        if identity in valid:
            done.add(identity)
        elif (state := settled.get(identity)) in ("quarantined", "refused"):
            quarantined.add(identity)
        elif state is not None:
            released.add(identity)
        else:
            missing.append(item)
    return Progress(done, quarantined, released, tuple(missing))


@dataclass(frozen=True, slots=True)
class WaveContents:
    """A wave's valid parts by their ids, and the progress that follows from them."""

    progress: Progress
    parts: Mapping[Identity, Part]

    @property
    def counts(self) -> Counts:
        return self.progress.counts()


def contents_of(db: Database, wave: Wave, parts: Mapping[Identity, Part]) -> WaveContents:
    """The wave with these valid parts, and with what the database holds of its other items."""
    return WaveContents(split_items(wave.manifest, parts, verdicts.settled_items(db, wave.wave_id)), parts)


ROOM = 8192
"""Bytes on disk that an item may take: a block for its part, and its share of journal and batch file."""


def require_room(wave: Wave, missing: Sequence[Item]) -> None:
    """DiskError if the disk is too full for the answers: an answer that cannot be kept must not be paid for."""
    files.require_room(wave.folder.path, len(missing) * ROOM)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the wave holds after its missing items were asked for. `ending` says why the fire cannot continue now; None
    once the wave has converged."""

    ending: Ending | None
    contents: WaveContents
