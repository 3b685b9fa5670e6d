"""`prompts/<theme>/theme.yaml` → `Theme`: where items come from, where verdicts go, and what bounds a wave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waves.config import document
from waves.errors import ConfigurationError
from waves.models import Limits, OnStale

if TYPE_CHECKING:
    from waves.config.theme_file import SourceEntry, TargetEntry

THEME_ID = re.compile(r"[a-z][a-z0-9_]{0,40}")
RESERVED = ("logs", "postgres", "sample")
"""Folders under `data/` that do not belong to a theme."""


@dataclass(frozen=True, slots=True)
class Source:
    """The relation that items come from. `where`, `priority` and `changed` are the operator's own SQL or None."""

    relation: str
    key: tuple[str, ...]
    input: tuple[str, ...]
    where: str | None = None
    priority: str | None = None
    changed: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The table that verdicts are written to. `columns` maps `$labels`, `$label`, `$confidence`, `$version`, `$model`,
    `$run` or a field of the output to a column; `insert`: the table is for verdicts alone, and we may add rows."""

    table: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    insert: bool = False

    @property
    def version_column(self) -> str | None:
        return dict(self.columns).get("$version")


@dataclass(frozen=True, slots=True)
class GoldRelation:
    """The relation with people's own verdicts, its key, and the column that holds them: a JSON array of labels, a
    label, or an object of fields."""

    relation: str
    key: tuple[str, ...]
    column: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version must reach before it may be activated: macro F1 on gold of at least `min_f1`, and at most the
    share `max_flips` of compared rows whose verdict changes. Both from 0 to 1; None: not required."""

    min_f1: float | None = None
    max_flips: float | None = None


@dataclass(frozen=True, slots=True)
class Theme:
    """`limits` are the defaults, overridden by theme.yaml; `merge_limits` adds the later layers. `on_complete` is a
    command and its arguments, run when the gap is empty; `gold` None means `gold.jsonl` in the folder, if any.
    `on_stale` says what becomes of a verdict about an earlier text, once the row was given up for the present one."""

    theme_id: str
    layer: str
    source: Source
    target: Target | None
    backends: tuple[str, ...]
    models: tuple[str, ...] | None
    limits: Limits
    folder: Path
    on_complete: tuple[str, ...] = ()
    on_complete_timeout: float = 600.0
    gold: GoldRelation | None = None
    gate: Gate = Gate()
    on_stale: OnStale = "clear"


def known(prompts: Path) -> list[str]:
    """The ids of all themes of a project, in order."""
    return sorted(path.parent.name for path in prompts.glob("*/theme.yaml") if THEME_ID.fullmatch(path.parent.name))


def load(prompts: Path, theme_id: str) -> Theme:
    """The theme of this id, or a ConfigurationError that names the known ones."""
    from waves.config.theme_file import ThemeFile

    path = _path(prompts, theme_id)
    file = document.validate(ThemeFile, document.parse(document.read_text(path), path))
    return Theme(
        theme_id=theme_id,
        layer=file.layer,
        source=_source(file.source),
        target=_target(file.target) if file.target else None,
        backends=tuple(file.backends),
        models=tuple(file.models) if file.models else None,
        limits=file.wave,
        folder=path.parent,
        on_complete=tuple(file.on_complete),
        on_complete_timeout=file.on_complete_timeout,
        gold=GoldRelation(file.gold.relation, _columns(file.gold.key), file.gold.column) if file.gold else None,
        gate=Gate(file.gate.min_f1, file.gate.max_flips),
        on_stale=file.on_stale,
    )


def _path(prompts: Path, theme_id: str) -> Path:
    if not THEME_ID.fullmatch(theme_id) or not (prompts / theme_id / "theme.yaml").is_file():
        names = ", ".join(known(prompts)) or "none yet"
        raise ConfigurationError(
            f"unknown theme {theme_id!r}", f"Known: {names}. A theme is a folder {prompts}/<theme>/ with a theme.yaml."
        )
    if theme_id in RESERVED:
        raise ConfigurationError(f"{theme_id!r} cannot be a theme: data/{theme_id} is reserved", "Rename its folder.")
    return prompts / theme_id / "theme.yaml"


def merge_limits(limits: Limits, *layers: Mapping[str, Any]) -> Limits:
    """`limits` overridden by each layer in turn. Values may be text (environment, `theme_config`)."""
    from pydantic import ValidationError

    from waves.config.theme_file import LIMITS

    merged = asdict(limits)
    for layer in layers:
        unknown = sorted(set(layer) - set(merged))
        if unknown:
            raise ConfigurationError(f"unknown limit {unknown[0]!r}", f"Known: {', '.join(sorted(merged))}.")
        merged |= layer
    try:
        return LIMITS.validate_python(merged)
    except ValidationError as error:
        defect = error.errors(include_url=False)[0]
        name = str(defect["loc"][0])
        raise ConfigurationError(
            f"{name} = {merged[name]!r}: {document.in_words(defect)}",
            f"Set it by flag, WAVES_{name.upper()}, theme_config or theme.yaml, in this order of precedence.",
        ) from None


def _columns(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _source(entry: SourceEntry) -> Source:
    return Source(
        relation=entry.relation,
        key=_columns(entry.key),
        input=tuple(entry.input),
        where=entry.where,
        priority=entry.priority,
        changed=entry.changed,
    )


def _target(entry: TargetEntry) -> Target:
    return Target(entry.table, _columns(entry.key), tuple(entry.columns.items()), insert=entry.insert)
