"""The kinds of backends that `waves.yaml` may name, and what the rest of the program needs to know about each.

A kind is a folder `waves/backends/<kind>/` whose `__init__` declares `TRAITS = BackendTraits(...)` and imports nothing
heavy. This module looks the folder up by name at run time. It is the only place where a lower room refers to a higher
one: the plug-in seam that lets a new backend be one folder and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from waves.errors import ConfigurationError

_ROOM = "waves.backends"


@dataclass(frozen=True, slots=True)
class BackendTraits:
    """How a kind differs from the plain case: a Messages API that answers each request at once, for a key.

    In `waves.yaml`: `key_variable` is the default of `api_key_env`; `needs_key` is False if requests go out without a
    key; `needs_models` is False if the provider has a model of its own, which no `models` of a theme or of the
    environment replaces; `own_settings` are the settings that only the kinds that list them take.

    On this machine: `passes_on` are environment variables that a child process gets although nobody names them in
    `environment`; `install` says how to install the executable that `command` names, None if there is none.

    Money: `free` means that a request costs nothing unless `prices` says otherwise; `price_share` is the share of the
    list price; `turns` and `overhead_tokens` bound what one request can take: it may be asked that many times, with
    that many tokens added to the prompt each time; `counts_tokens`: `count_tokens` of the Messages API answers.

    Ways to a model: `takes_submissions` means that requests are handed over together and fetched later, through
    `waves.backends.message_batches`, and never sent one by one; `asks_through` is the kind that sends single requests
    to the same models, None if this one does so itself."""

    key_variable: str = "ANTHROPIC_API_KEY"
    needs_key: bool = True
    needs_models: bool = True
    own_settings: frozenset[str] = frozenset()
    passes_on: tuple[str, ...] = ()
    install: str | None = None
    free: bool = False
    price_share: float = 1.0
    turns: int = 1
    overhead_tokens: int = 0
    counts_tokens: bool = False
    takes_submissions: bool = False
    asks_through: str | None = None


def traits(kind: str) -> BackendTraits:
    """What the folder of this kind declares. Raises ConfigurationError, with the known kinds, if there is none."""
    declared = _declared(kind)
    if declared is None:
        raise ConfigurationError(f"unknown kind of backend {kind!r}", f"Known: {', '.join(known_kinds())}.")
    return declared


def known_kinds() -> tuple[str, ...]:
    """The names of all kinds, in order."""
    names = sorted(module.name for module in iter_modules(import_module(_ROOM).__path__) if module.ispkg)
    return tuple(name for name in names if _declared(name) is not None)


def _declared(kind: str) -> BackendTraits | None:
    """None for a name that no folder has, and for a module beside the backends that is none."""
    if not kind.isidentifier() or find_spec(f"{_ROOM}.{kind}") is None:
        return None
    declared: BackendTraits | None = getattr(import_module(f"{_ROOM}.{kind}"), "TRAITS", None)
    return declared
