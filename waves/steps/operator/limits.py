"""The limits of a theme: what is in force, where it comes from, and how a person changes it in `theme_config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ConfigurationError
from waves.models import Limits
from waves.store.connect import open_database
from waves.store.rubrics import rubric_registry
from waves.store.tables import theme_config

Origin = Literal["default", "theme.yaml", "theme_config", "environment"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as the next fire takes it, unless a flag says otherwise. None is no limit."""

    key: str
    value: float | None
    origin: Origin


def limits(project: Project, theme_id: str, key: str | None) -> list[Limit]:
    """All limits of the theme, or one."""
    theme = themes.load(project.prompts, theme_id)
    _known(key)
    with open_database(project, migrate=False) as db:
        layers: dict[Origin, Mapping[str, Any]] = {
            "theme_config": theme_config.overrides(db, theme_id),
            "environment": project.limits,
        }
    settled, default, own = (
        asdict(one) for one in (themes.merge_limits(theme.limits, *layers.values()), Limits(), theme.limits)
    )
    origins: dict[str, Origin] = {name: "theme.yaml" for name in own if own[name] != default[name]}
    for origin, layer in layers.items():
        origins |= dict.fromkeys(layer, origin)
    return [Limit(name, value, origins.get(name, "default")) for name, value in settled.items() if key in {None, name}]


def change(
    project: Project, theme_id: str, key: str, value: str | None, *, by: str, reason: str
) -> tuple[str | None, str | None]:
    """Set the theme's own value, or take it away where None. What stood in `theme_config` before, and what does now."""
    themes.load(project.prompts, theme_id)
    _known(key)
    if value is not None:
        value = str(asdict(themes.merge_limits(Limits(), {key: value}))[key])
    with open_database(project) as db:
        rubric_registry.ensure_theme(db, theme_id)
        return theme_config.set_override(db, theme_id, key, value, by=by, reason=reason), value


def _known(key: str | None) -> None:
    names = asdict(Limits())
    if key is not None and key not in names:
        raise ConfigurationError(f"unknown limit {key!r}", f"Known: {', '.join(sorted(names))}.")
