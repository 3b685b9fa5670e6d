"""The setting that a theme's own fires ask in: what was measured in another one says little about them."""

from __future__ import annotations

from waves import theme as themes
from waves.project import Project
from waves.steps.session import backend_chain
from waves.steps.submission import KIND
from waves.store import config
from waves.store.connect import Database
from waves.store.rubric_facts import Usual
from waves.theme import Theme


def usual(project: Project, db: Database, theme: Theme) -> Usual:
    """That of the theme's first backend. Requests that are handed over for a day cannot be measured; the same model
    says the same to one by one, so any backend of this kind that has it will do."""
    first = backend_chain(project, theme, None)[0]
    limits = themes.settle(theme.limits, config.overrides(db, theme.theme_id), project.limits)
    alike = {one.name for one in project.backends.values() if one.kind == "anthropic"} if first.kind == KIND else set()
    return Usual([first.name, *sorted(alike)], first.models[0], limits.batch_size)
