"""The shape of `theme.yaml` and its limits. Imported when a file is read: `wave --help` does not import pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, field_validator

from waves.config.column_kinds import COLUMN_KINDS
from waves.models import Limits, OnStale


def _checked_names(names: list[str]) -> list[str]:
    if not all(names):
        raise ValueError("a name is empty")
    if len(set(names)) < len(names):
        raise ValueError("the same name is listed twice")
    return names


Columns = Annotated[list[str], Field(min_length=1, max_length=100), AfterValidator(_checked_names)]
"""A row's content becomes one JSON array, and a function of PostgreSQL takes at most a hundred arguments; the names and
values of the target's columns share that number."""
Column = Annotated[str, Field(min_length=1)] | Columns


def _numbers(given: object) -> object:
    """YAML's `true` is no number, though Python's is."""
    if not isinstance(given, Mapping):
        return given
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in given.items()}


LimitsEntry = Annotated[Limits, BeforeValidator(_numbers)]
"""The keys, bounds and defaults are those of `Limits`."""
LIMITS = TypeAdapter[Limits](LimitsEntry)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceEntry(_Strict):
    relation: str = Field(min_length=1)
    key: Column
    input: Columns
    where: str | None = None
    priority: str | None = None
    changed: str | None = None


class TargetEntry(_Strict):
    table: str = Field(min_length=1)
    key: Column
    columns: dict[str, str] = Field(min_length=1, max_length=50)
    insert: bool = False

    @field_validator("columns")
    @classmethod
    def _known_values(cls, columns: dict[str, str]) -> dict[str, str]:
        for value in columns:
            if value.startswith("$") and value not in COLUMN_KINDS:
                known = ", ".join(kind for kind in COLUMN_KINDS if kind.startswith("$"))
                raise ValueError(f"unknown value {value!r}; known: {known}, or a field's name")
        if len(set(columns.values())) < len(columns):
            raise ValueError("two values go to the same column")
        return columns


class GoldEntry(_Strict):
    relation: str = Field(min_length=1)
    key: Column
    column: str = Field(min_length=1)


class GateEntry(_Strict):
    min_f1: float | None = Field(default=None, ge=0, le=1)
    max_flips: float | None = Field(default=None, ge=0, le=1)


class ThemeFile(_Strict):
    layer: str = Field(default="default", pattern=r"^[a-z][a-z0-9_-]{0,40}$")
    source: SourceEntry
    target: TargetEntry | None = None
    backends: list[str] = Field(min_length=1)
    models: list[str] | None = None
    wave: LimitsEntry = Limits()
    on_complete: list[Annotated[str, Field(min_length=1)]] = []
    on_complete_timeout: float = Field(default=600, gt=0, le=86_400)
    gold: GoldEntry | None = None
    gate: GateEntry = GateEntry()
    on_stale: OnStale = "clear"
