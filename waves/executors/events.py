"""What an executor returns, and the shape of what it runs. Executors know nothing of waves: a key is a string that
means something to the caller; tasks and values are anything that can be pickled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Emitted:
    """A value that a handler passed up while it still works on the task."""

    key: str
    value: object


@dataclass(frozen=True, slots=True)
class Finished:
    """The value that a handler returned. Nothing more comes for this key."""

    key: str
    value: object


@dataclass(frozen=True, slots=True)
class Lost:
    """The task ended without a value. `reason` is one line and holds no data of the task."""

    key: str
    reason: str


Event = Emitted | Finished | Lost
Emit = Callable[[Any], None]
Handler = Callable[[Any, Emit], Awaitable[Any]]
