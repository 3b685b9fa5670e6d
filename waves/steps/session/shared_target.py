"""Two themes that write the same column of a table would overwrite each other, and each would ask again for what the
other has written. A theme is refused if another one, which has an active version already, writes a column of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Target, Theme
from waves.errors import ConfigurationError, WaveError
from waves.store.catalog.names import same_relation
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry


def refuse_shared_target(db: Database, project: Project, theme: Theme) -> None:
    """ConfigurationError that names both themes and the columns that they share. A theme that was never fired stands in
    nobody's way, and neither does one whose files cannot be read."""
    if theme.target is None:
        return
    for other_id, other in _other_targets(project, theme):
        shared = sorted(_columns(theme.target) & _columns(other))
        if not shared or rubric_registry.active(db, other_id) is None:
            continue
        if same_relation(db, theme.target.table, other.table):
            raise ConfigurationError(
                f"themes {theme.theme_id} and {other_id} both write {', '.join(shared)} of {theme.target.table}: each "
                "would overwrite the other",
                f"Name columns under target.columns in {theme.folder / 'theme.yaml'} that no other theme writes, or "
                f"remove the folder of theme {other_id}.",
            )


def _other_targets(project: Project, theme: Theme) -> Iterator[tuple[str, Target]]:
    for other_id in themes.known(project.prompts):
        if other_id == theme.theme_id:
            continue
        with suppress(WaveError):
            target = themes.load(project.prompts, other_id).target
            if target is not None:
                yield other_id, target


def _columns(target: Target) -> set[str]:
    return {column for _, column in target.columns}
