"""Values in the JSON lines that `claude` prints, each checked for its type: None if it is missing or makes no sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def text_of(value: object) -> str | None:
    return value if isinstance(value, str) else None


def list_of(value: object) -> list[Any]:
    """An empty list for anything that is not a list."""
    return value if isinstance(value, list) else []


def number_of(value: object) -> float | None:
    """A number that a journal and a database can hold; those of JSON have no bounds."""
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def share_of(value: object) -> float | None:
    """A utilisation; it may be more than 1."""
    share = number_of(value)
    return share if share is not None and share >= 0 else None


def reset_of(limit: Mapping[str, Any]) -> datetime | None:
    """When a limit resets: epoch seconds, as a number or as text."""
    seconds = limit.get("resetsAt", limit.get("resets_at"))
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if isinstance(seconds, int | float | Decimal | str) else None
    except (ValueError, OverflowError, OSError):
        return None
