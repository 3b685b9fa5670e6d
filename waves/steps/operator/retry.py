"""What a person does about items that were given up: back to the gap, with no attempt used up."""

from __future__ import annotations

from collections.abc import Sequence

from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ConfigurationError
from waves.store.connect import open_database
from waves.store.rubrics import rubric_registry
from waves.store.tables import audit, verdicts
from waves.store.tables.verdicts import GivenUp


def retry(
    project: Project, theme_id: str, keys: Sequence[str] | None, *, by: str, reason: str, dry_run: bool
) -> list[GivenUp]:
    """Quarantined, refused and failed items of the active version, those with these keys or all; what they were. A fire
    that runs now may go on: its own wave counts them as released, and the next one finds them in the gap."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project, migrate=not dry_run) as db:
        active = rubric_registry.active(db, theme.theme_id)
        if active is None:
            raise ConfigurationError(
                f"theme {theme_id} has no active rubric version", "Nothing was asked yet: `wave fire` comes first."
            )
        wanted = None if keys is None else [audit.stored_key(key) for key in keys]
        if dry_run:
            return verdicts.given_up(db, theme_id, active.version, wanted)
        return verdicts.retry(db, theme_id, active.version, wanted, by=by, reason=reason)
