"""`waves.yaml` and the environment → `Project`. The only reader of `os.environ`.

The file is found from the current folder upwards, or named by `WAVES_CONFIG`. The environment wins over it:
`WAVES_DATABASE`, `WAVES_DATA`, `WAVES_PROMPTS`, `WAVES_MODELS` (separated by commas), and `WAVES_<LIMIT>` such as
`WAVES_KEYS` or `WAVES_PARALLEL`. A backend's key comes from the variable that its `api_key_env` names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Literal

from waves.config import backend_kinds, document
from waves.config.backend_kinds import BackendTraits
from waves.errors import ConfigurationError
from waves.models import Limits

FILE_NAME = "waves.yaml"

_SHELL = ("PATH", "HOME", "LANG")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Caps:
    """US dollars that may be spent through a backend; None means no cap. Days and months are those of UTC."""

    wave: float | None = None
    day: float | None = None
    month: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens; None: the price table decides."""

    input: float
    output: float
    cache_write: float | None = None
    cache_write_1h: float | None = None
    cache_read: float | None = None


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One way to reach a model. `kind` is a folder of `waves.backends`. `models[0]` is the primary, the others the
    fallback chain. `api_key` is the key itself, read from the variable `api_key_env`, or None if that is not set.
    `auth` says in which header it goes. `timeout` is in seconds; no request asks for more than `max_tokens`.
    `scenario` is for the rehearsal provider: a name, or the path of a file.

    The quota: windows of the length `window`, laid out from `resets_at` (UTC) on each day, or a rolling one without
    it; `capacity` is in keys, None if it is to be learned; a fire leaves the share above `use_at_most` to others.
    `command` is the executable of a backend that runs one; `environment` are the variables that it gets beside the
    fixed ones; `overage`: it may go on for money when the subscription's window is used up."""

    name: str
    kind: str
    models: tuple[str, ...]
    base_url: str | None = None
    api_key_env: str = "ANTHROPIC_API_KEY"
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    scenario: str | None = None
    window: timedelta | None = None
    resets_at: time | None = None
    capacity: int | None = None
    use_at_most: float = 0.75
    caps: Caps = Caps()
    prices: Mapping[str, Price] = field(default_factory=dict, hash=False)
    command: str = "claude"
    environment: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    auth: Literal["bearer", "x-api-key"] = "bearer"
    max_tokens: int | None = None
    overage: bool = False

    @property
    def traits(self) -> BackendTraits:
        return backend_kinds.traits(self.kind)


@dataclass(frozen=True, slots=True)
class Project:
    """`database` is a URL or the word `embedded`. Paths are absolute. `limits` are those set in the environment, as
    text; `shell` are the variables that a theme's own command gets from our environment."""

    root: Path
    database: str = field(repr=False)
    data: Path
    prompts: Path
    backends: Mapping[str, BackendConfig] = field(hash=False)
    models: tuple[str, ...] | None = None
    limits: Mapping[str, str] = field(default_factory=dict, hash=False)
    shell: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)


REHEARSAL = BackendConfig("rehearsal", "rehearsal", ("rehearsal",))


def load(start: Path | None = None) -> Project:
    """The project that the folder `start` belongs to; default: the current folder."""
    environ = os.environ
    path = find(start or Path.cwd(), environ.get("WAVES_CONFIG"))
    text = document.read_text(path)
    return build(document.parse(text, path), environ)


def find(start: Path, named: str | None) -> Path:
    """`waves.yaml` in `start` or the nearest folder above it; `named` wins."""
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
    """The values of the file, overridden by those of the environment."""
    from waves.config.project_file import ProjectFile

    file = document.validate(ProjectFile, source)
    root = source.where.parent
    backends = {"rehearsal": REHEARSAL}
    for name, entry in file.backends.items():
        backends[name] = _backend(name, entry.model_dump(), environ)
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
        shell={name: environ[name] for name in _SHELL if name in environ},
    )


def _backend(name: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> BackendConfig:
    kind, window, resets_at = entry["kind"], entry["window"], entry["resets_at"]
    traits = backend_kinds.traits(kind)
    key_env = entry["api_key_env"] or traits.key_variable
    passed_on = (*traits.passes_on, *entry["environment"])
    return BackendConfig(
        name=name,
        kind=kind,
        models=tuple(entry["models"]) or (kind,),
        base_url=entry["base_url"],
        api_key_env=key_env,
        api_key=environ.get(key_env) or None,
        auth=entry["auth"],
        timeout=entry["timeout"],
        max_tokens=entry["max_tokens"],
        scenario=entry["scenario"],
        window=_duration(window) if window else None,
        resets_at=time.fromisoformat(resets_at) if resets_at else None,
        capacity=entry["capacity"],
        use_at_most=entry["use_at_most"],
        caps=Caps(**entry["caps"]),
        prices={model: Price(**price) for model, price in entry["prices"].items()},
        command=entry["command"],
        environment={name: environ[name] for name in passed_on if name in environ},
        overage=entry["overage"],
    )


def _duration(text: str) -> timedelta:
    """`5h`, `30m`, `7d`: a number and a unit, as the file's pattern has it."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _listed(text: str | None) -> tuple[str, ...] | None:
    return tuple(word.strip() for word in text.split(",") if word.strip()) or None if text else None
