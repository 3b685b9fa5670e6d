"""The setting that a theme's own fires ask in. A measurement in another setting says little about these fires."""

from __future__ import annotations

from waves.config.project import Project
from waves.config.theme import Theme
from waves.steps.session.backend_chain import backend_chain
from waves.steps.session.session import effective_limits
from waves.store.connect import Database
from waves.store.rubrics.rubric_facts import FireSetting


def fire_setting(project: Project, db: Database, theme: Theme) -> FireSetting:
    """The setting of a fire through the theme's first backend. Requests that are handed over for a day cannot be
    measured; the same model answers the same request by request, so any backend of that kind that has the model will
    do."""
    first = backend_chain(project, theme, None)[0]
    limits = effective_limits(project, db, theme)
    through = first.traits.asks_through if first.traits.takes_submissions else None
    alike = {backend.name for backend in project.backends.values() if backend.kind == through}
    return FireSetting([first.name, *sorted(alike)], first.models[0], limits.batch_size)
