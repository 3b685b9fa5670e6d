"""The open wave as steps handle it: its folder, its manifest, the rubric as it was, its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.models import Manifest
from waves.spool.parts import Parts
from waves.spool.wave_dir import Shelf, WaveDir
from waves.steps.session.session import Session


@dataclass(frozen=True, slots=True)
class Opened:
    folder: WaveDir
    manifest: Manifest
    rubric: Rubric
    parts: Parts

    @property
    def wave_id(self) -> str:
        return self.manifest.wave_id


def open_on_disk(session: Session, wave_id: str, shelf: Shelf = "waves") -> Opened:
    """The wave from its own folder: what was prepared counts, not what the files of the theme say today."""
    return dress(WaveDir.open(session.data, session.theme.theme_id, wave_id, session.db.installation, shelf))


def dress(folder: WaveDir) -> Opened:
    version = folder.manifest.rubric_version
    rubric = rubrics.parse(folder.rubric_text, version.rsplit("-", 1)[0], folder.path / "rubric.md")
    return Opened(folder, folder.manifest, rubric, folder.parts(schema_check(rubric)))


def schema_check(rubric: Rubric) -> Callable[[Mapping[str, Any]], str | None]:
    """A check of one stored verdict against the rubric's schema: a reason, or None where it holds."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(rubric.schema))

    def check(verdict: Mapping[str, Any]) -> str | None:
        return None if validator.is_valid(verdict) else "it breaks the rubric's schema"

    return check
