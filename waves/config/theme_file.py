"""The shape of `theme.yaml` and its limits. Imported when a file is read: `wave --help` does not import pydantic."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from waves.models import Limits

DEFAULTS = Limits()
TARGET_VALUES = ("$labels", "$label", "$confidence", "$version", "$model", "$run")


def _checked_names(names: list[str]) -> list[str]:
    if not all(names):
        raise ValueError("a name is empty")
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice")
    return names


Dollars = Annotated[float, Field(ge=0, le=1_000_000_000)]
Columns = Annotated[list[str], Field(min_length=1, max_length=100), AfterValidator(_checked_names)]
"""A row's content becomes one JSON array, and a function of PostgreSQL takes at most a hundred arguments; the names and
values of the target's columns share that number."""
Column = Annotated[str, Field(min_length=1)] | Columns


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LimitNumbers(_Strict):
    @field_validator("*", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("a number is required, not true or false")  # noqa: TRY004 - pydantic's protocol
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
    cap_usd_wave: Dollars | None = None
    cap_usd_day: Dollars | None = None
    cap_usd_month: Dollars | None = None


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
            if value.startswith("$") and value not in TARGET_VALUES:
                raise ValueError(f"unknown value {value!r}; known: {', '.join(TARGET_VALUES)}, or a field's name")
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
    wave: LimitNumbers = Field(default_factory=LimitNumbers)
    on_complete: list[Annotated[str, Field(min_length=1)]] = []
    on_complete_timeout: float = Field(default=600, gt=0, le=86_400)
    gold: GoldEntry | None = None
    gate: GateEntry = GateEntry()
