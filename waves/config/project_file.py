"""The shape of `waves.yaml`. Imported when a file is read: `wave --help` does not import pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from waves.config.backend_kinds import known_kinds, traits
from waves.models import Dollars


def _known_kind(kind: str) -> str:
    kinds = known_kinds()
    if kind not in kinds:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(kinds)}")
    return kind


Kind = Annotated[str, AfterValidator(_known_kind)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CapsEntry(_Strict):
    wave: Dollars | None = None
    day: Dollars | None = None
    month: Dollars | None = None


class PriceEntry(_Strict):
    input: Dollars
    output: Dollars
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None
    cache_read: Dollars | None = None


class BackendEntry(_Strict):
    kind: Kind
    models: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    api_key_env: Variable | None = None
    auth: Literal["bearer", "x-api-key"] = "bearer"
    timeout: float = Field(default=60.0, gt=0, le=3600)
    max_tokens: int | None = Field(default=None, ge=1, le=200_000)
    scenario: str | None = None
    window: str | None = Field(default=None, pattern=r"^[1-9]([0-9]{0,5}[sm]|[0-9]{0,3}h|[0-9]{0,2}d|[0-9]?w)$")
    resets_at: str | None = Field(default=None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]Z$")
    capacity: int | None = Field(default=None, gt=0)
    use_at_most: float = Field(default=0.75, gt=0, le=1)
    caps: CapsEntry = Field(default_factory=CapsEntry)
    prices: dict[str, PriceEntry] = Field(default_factory=dict)
    command: str = Field(default="claude", min_length=1)
    environment: list[Variable] = Field(default_factory=list)
    overage: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> BackendEntry:
        kind = traits(self.kind)
        if kind.needs_models and not self.models:
            raise ValueError("`models` names no model; the first is the primary, the others the fallback chain")
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        for name in sorted(given - kind.own_settings):
            owners = [other for other in known_kinds() if name in traits(other).own_settings]
            if owners:
                raise ValueError(f"`{name}` belongs to a backend of kind {' or '.join(owners)}")
        if self.window is None and {"resets_at", "capacity", "use_at_most"} & self.model_fields_set:
            raise ValueError("`resets_at`, `capacity` and `use_at_most` belong to a `window`, and none is given")
        return self


class ProjectFile(_Strict):
    database: str = Field(default="embedded", pattern=r"^(embedded|postgres(ql)?://.*)$")
    data: str = Field(default="data", min_length=1)
    prompts: str = Field(default="prompts", min_length=1)
    backends: dict[str, BackendEntry] = Field(default_factory=dict)
