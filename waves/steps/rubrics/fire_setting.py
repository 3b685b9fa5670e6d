"""The setting that a theme's own fires ask in: what was measured in another one says little about them."""

from __future__ import annotations

from waves.config import theme as themes
from waves.config.project import Project
from waves.config.theme import Theme
from waves.steps.session.backend_chain import backend_chain
from waves.store.connect import Database
from waves.store.rubrics.rubric_facts import FireSetting
from waves.store.tables import theme_config


def usual(project: Project, db: Database, theme: Theme) -> FireSetting:
    """That of the theme's first backend. Requests that are handed over for a day cannot be measured; the same model
    says the same to one by one, so any backend of this kind that has it will do."""
    first = backend_chain(project, theme, None)[0]
    limits = themes.merge_limits(theme.limits, theme_config.overrides(db, theme.theme_id), project.limits)
    through = first.traits.asks_through if first.traits.takes_submissions else None
    alike = {backend.name for backend in project.backends.values() if backend.kind == through}
    return FireSetting([first.name, *sorted(alike)], first.models[0], limits.batch_size)
