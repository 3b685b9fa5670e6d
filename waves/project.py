"""`waves.yaml` and the environment → `Project`. The only reader of `os.environ`.

The file is found from the current folder upwards, or named by `WAVES_CONFIG`. The environment wins over it:
`WAVES_DATABASE`, `WAVES_DATA`, `WAVES_PROMPTS`, `WAVES_MODELS` (separated by commas), and `WAVES_<LIMIT>` such as
`WAVES_KEYS` or `WAVES_PARALLEL`. A backend's key comes from the variable that its `api_key_env` names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from waves import document
from waves.errors import ConfigurationError
from waves.models import Limits

if TYPE_CHECKING:
    from pydantic import BaseModel

FILE_NAME = "waves.yaml"
BackendKind = Literal["anthropic", "rehearsal"]


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One way to reach a model. `models[0]` is the primary, the others the fallback chain. `api_key` is the key's
    value, read from the variable `api_key_env`, or None where that is not set. `timeout` is in seconds. `scenario`
    is for the rehearsal provider: a name, or the path of a file."""

    name: str
    kind: BackendKind
    models: tuple[str, ...]
    base_url: str | None = None
    api_key_env: str = "ANTHROPIC_API_KEY"
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    scenario: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """`database` is a URL or the word `embedded`. Paths are absolute. `limits` are the environment's, as text."""

    root: Path
    database: str = field(repr=False)
    data: Path
    prompts: Path
    backends: Mapping[str, BackendConfig] = field(hash=False)
    models: tuple[str, ...] | None = None
    limits: Mapping[str, str] = field(default_factory=dict, hash=False)


REHEARSAL = BackendConfig("rehearsal", "rehearsal", ("rehearsal",))


def load(start: Path | None = None) -> Project:
    """The project that the folder `start` (default: the current one) belongs to."""
    environ = os.environ
    path = find(start or Path.cwd(), environ.get("WAVES_CONFIG"))
    text = document.read_text(path)
    return build(document.parse(text, path), environ)


def find(start: Path, named: str | None) -> Path:
    """`waves.yaml` in `start` or the nearest folder above; `named` wins."""
    if named:
        path = Path(named).absolute()
        if not path.is_file():
            raise ConfigurationError(f"WAVES_CONFIG names {path}, which is not a file", "Correct or unset it.")
        return path
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigurationError(
        f"no {FILE_NAME} in {start} or above",
        f"Change to the project's folder, or set WAVES_CONFIG to its {FILE_NAME}.",
    )


def build(source: document.Document, environ: Mapping[str, str]) -> Project:
    """The file's values under those of the environment."""
    file: Any = document.validate(_file_model(), source)
    root = source.where.parent
    backends = {"rehearsal": REHEARSAL}
    for name, entry in file.backends.items():
        backends[name] = BackendConfig(
            name=name,
            kind=entry.kind,
            models=tuple(entry.models) or REHEARSAL.models,
            base_url=entry.base_url,
            api_key_env=entry.api_key_env,
            api_key=environ.get(entry.api_key_env) or None,
            timeout=entry.timeout,
            scenario=entry.scenario,
        )
    return Project(
        root=root,
        database=environ.get("WAVES_DATABASE") or file.database,
        data=root / (environ.get("WAVES_DATA") or file.data),
        prompts=root / (environ.get("WAVES_PROMPTS") or file.prompts),
        backends=backends,
        models=_listed(environ.get("WAVES_MODELS")),
        limits={
            limit.name: environ[name] for limit in fields(Limits) if environ.get(name := f"WAVES_{limit.name.upper()}")
        },
    )


def _listed(text: str | None) -> tuple[str, ...] | None:
    return tuple(word.strip() for word in text.split(",") if word.strip()) or None if text else None


@cache
def _file_model() -> type[BaseModel]:
    """The shape of `waves.yaml`. Made on first use, because `wave --help` shall not pay for pydantic."""
    from pydantic import BaseModel, ConfigDict, Field, model_validator

    class BackendEntry(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)

        kind: BackendKind
        models: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
        base_url: str | None = Field(default=None, pattern=r"^https?://")
        api_key_env: str = Field(default="ANTHROPIC_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
        timeout: float = Field(default=60.0, gt=0, le=3600)
        scenario: str | None = None

        @model_validator(mode="after")
        def _has_models(self) -> BackendEntry:
            if self.kind == "anthropic" and not self.models:
                raise ValueError("`models` names no model; the first is the primary, the others the fallback chain")
            if self.kind == "anthropic" and self.scenario is not None:
                raise ValueError("`scenario` belongs to a backend of kind rehearsal")
            return self

    class ProjectFile(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)

        database: str = Field(default="embedded", pattern=r"^(embedded|postgres(ql)?://.*)$")
        data: str = Field(default="data", min_length=1)
        prompts: str = Field(default="prompts", min_length=1)
        backends: dict[str, BackendEntry] = Field(default_factory=dict)

    return ProjectFile
