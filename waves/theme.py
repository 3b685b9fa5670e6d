"""`prompts/<theme>/theme.yaml` → `Theme`: where items come from, where verdicts go, and what bounds a wave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from waves import document
from waves.errors import ConfigurationError
from waves.models import Limits

if TYPE_CHECKING:
    from pydantic import BaseModel

THEME_ID = re.compile(r"[a-z][a-z0-9_]{0,40}")
DEFAULTS = Limits()
RESERVED = ("logs", "postgres", "sample")
"""Folders under `data/` that are not a theme's."""
TARGET_VALUES = ("$labels", "$label", "$confidence", "$version", "$model", "$run")


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
    `$run` or a field of the output to a column; `insert` means a table of its own whose rows we may add."""

    table: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    insert: bool = False

    @property
    def version_column(self) -> str | None:
        return dict(self.columns).get("$version")


@dataclass(frozen=True, slots=True)
class Theme:
    """`limits` are the defaults under theme.yaml's own numbers; `settle` puts the later layers on top."""

    theme_id: str
    layer: str
    source: Source
    target: Target | None
    backends: tuple[str, ...]
    models: tuple[str, ...] | None
    limits: Limits
    folder: Path


def known(prompts: Path) -> list[str]:
    """The ids of all themes of a project, in order."""
    return sorted(path.parent.name for path in prompts.glob("*/theme.yaml") if THEME_ID.fullmatch(path.parent.name))


def load(prompts: Path, theme_id: str) -> Theme:
    """The theme of this id, or a ConfigurationError that names the known ones."""
    if not THEME_ID.fullmatch(theme_id) or not (prompts / theme_id / "theme.yaml").is_file():
        names = ", ".join(known(prompts)) or "none yet"
        raise ConfigurationError(
            f"unknown theme {theme_id!r}", f"Known: {names}. A theme is a folder {prompts}/<theme>/ with a theme.yaml."
        )
    if theme_id in RESERVED:
        raise ConfigurationError(
            f"{theme_id!r} cannot be a theme: data/{theme_id} has another use", "Rename its folder."
        )
    path = prompts / theme_id / "theme.yaml"
    file: Any = document.validate(_file_model(), document.parse(document.read_text(path), path))
    return Theme(
        theme_id=theme_id,
        layer=file.layer,
        source=Source(
            relation=file.source.relation,
            key=_columns(file.source.key),
            input=tuple(file.source.input),
            where=file.source.where,
            priority=file.source.priority,
            changed=file.source.changed,
        ),
        target=_target(file.target) if file.target else None,
        backends=tuple(file.backends),
        models=tuple(file.models) if file.models else None,
        limits=Limits(**file.wave.model_dump()),
        folder=path.parent,
    )


def settle(limits: Limits, *layers: Mapping[str, Any]) -> Limits:
    """`limits` with each layer put on top in turn. Values may be text (environment, `theme_config`)."""
    from pydantic import ValidationError

    merged = asdict(limits)
    for layer in layers:
        unknown = sorted(set(layer) - set(merged))
        if unknown:
            raise ConfigurationError(f"unknown limit {unknown[0]!r}", f"Known: {', '.join(sorted(merged))}.")
        merged |= layer
    try:
        return Limits(**_limits_model().model_validate(merged).model_dump())
    except ValidationError as error:
        defect = error.errors(include_url=False)[0]
        name = str(defect["loc"][0])
        raise ConfigurationError(
            f"{name} = {merged[name]!r}: {defect['msg'][0].lower()}{defect['msg'][1:]}",
            f"Set it by flag, WAVES_{name.upper()}, theme_config or theme.yaml, in this order of precedence.",
        ) from None


def _columns(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _checked_names(names: list[str]) -> list[str]:
    if not all(names):
        raise ValueError("a name is empty")
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice")
    return names


def _target(entry: Any) -> Target:  # noqa: ANN401 - a pydantic model made on first use
    return Target(entry.table, _columns(entry.key), tuple(entry.columns.items()), insert=entry.insert)


@cache
def _limits_model() -> type[BaseModel]:
    from pydantic import BaseModel, ConfigDict, Field, field_validator

    dollars = Annotated[float, Field(ge=0, le=1_000_000_000)]

    class LimitNumbers(BaseModel):
        model_config = ConfigDict(extra="forbid")

        @field_validator("*", mode="before")
        @classmethod
        def _is_number(cls, value: object) -> object:
            if isinstance(value, bool):
                raise ValueError("a number is wanted, not true or false")  # noqa: TRY004 - pydantic's protocol
            return value

        keys: int = Field(default=DEFAULTS.keys, ge=1, le=1_000_000)
        batch_size: int = Field(default=DEFAULTS.batch_size, ge=1, le=1000)
        parallel: int = Field(default=DEFAULTS.parallel, ge=1, le=1024)
        passes: int = Field(default=DEFAULTS.passes, ge=1, le=20)
        max_attempts: int = Field(default=DEFAULTS.max_attempts, ge=1, le=100)
        snooze_error_rate: float = Field(default=DEFAULTS.snooze_error_rate, gt=0, le=1)
        max_rows_without_approval: int = Field(default=DEFAULTS.max_rows_without_approval, ge=0, le=1_000_000_000)
        max_orphan_rate: float = Field(default=DEFAULTS.max_orphan_rate, ge=0, le=1)
        drift_rows: int = Field(default=DEFAULTS.drift_rows, ge=0, le=10_000_000)
        keep_days: int = Field(default=DEFAULTS.keep_days, ge=0, le=100_000)
        cap_usd_wave: dollars | None = None
        cap_usd_day: dollars | None = None
        cap_usd_month: dollars | None = None

    return LimitNumbers


@cache
def _file_model() -> type[BaseModel]:
    """The shape of `theme.yaml`. Made on first use, because `wave --help` shall not pay for pydantic."""
    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

    columns = Annotated[list[str], Field(min_length=1), AfterValidator(_checked_names)]
    column = Annotated[str, Field(min_length=1)] | columns

    class SourceEntry(BaseModel):
        model_config = ConfigDict(extra="forbid")

        relation: str = Field(min_length=1)
        key: column
        input: columns
        where: str | None = None
        priority: str | None = None
        changed: str | None = None

    class TargetEntry(BaseModel):
        model_config = ConfigDict(extra="forbid")

        table: str = Field(min_length=1)
        key: column
        columns: dict[str, str] = Field(min_length=1)
        insert: bool = False

        @field_validator("columns")
        @classmethod
        def _known_values(cls, columns: dict[str, str]) -> dict[str, str]:
            for value in columns:
                if value.startswith("$") and value not in TARGET_VALUES:
                    raise ValueError(f"unknown value {value!r}; known: {', '.join(TARGET_VALUES)}, or a field's name")
            if len(set(columns.values())) < len(columns):
                raise ValueError("two values go to the same column")
            return columns

    limit_numbers: Any = _limits_model()

    class ThemeFile(BaseModel):
        model_config = ConfigDict(extra="forbid")

        layer: str = Field(default="default", pattern=r"^[a-z][a-z0-9_-]{0,40}$")
        source: SourceEntry
        target: TargetEntry | None = None
        backends: list[str] = Field(min_length=1)
        models: list[str] | None = None
        wave: limit_numbers = Field(default_factory=limit_numbers)

    ThemeFile.model_rebuild(_types_namespace=locals())
    return ThemeFile
