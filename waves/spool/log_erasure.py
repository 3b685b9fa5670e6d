"""Erase what the logs of a theme's fires say of one row: in the reasons of fires whose wave held it, and all that the
theme's own command printed, because nobody can tell how another program spells a row. Only under the theme's lock;
killed at any point, the next try finds what is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from waves.spool import files
from waves.spool.faults import reported

_RUN = "????????T??????Z-run-????????"
_FREE = "output"
"""What somebody else's program printed. Everything else is our own, and has rows in reasons alone."""


def erase(
    data: Path, theme_id: str, names: Collection[str], wave_ids: frozenset[str], blank: str, *, dry_run: bool
) -> int:
    """How many logs may have spoken of the row; none does any more. `names` is the key, in each spelling that a message
    has; `wave_ids` are the waves that held it: of a row that was in none no fire knew anything. `blank` takes the place
    of what spoke of it."""
    if not wave_ids:
        return 0
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)))
    with reported(data):
        found = sorted((data / "logs").glob(f"{theme_id}-{_RUN}.jsonl"))
    return sum(_erase_in(path, wave_ids, named, blank, dry_run=dry_run) for path in found)


def _erase_in(path: Path, wave_ids: frozenset[str], named: re.Pattern[str], blank: str, *, dry_run: bool) -> int:
    text = files.read_file(path).decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    held = any(wave_id in text for wave_id in wave_ids)
    left = [_without(line, named if held else None, blank) for line in lines]
    if left == lines:
        return 0
    if not dry_run:
        files.write_atomic(path, "\n".join(left).encode("utf-8", "surrogateescape"))
    return 1


def _without(line: str, named: re.Pattern[str] | None, blank: str) -> str:
    """A line that was cut off goes as a whole: nobody can tell what it was about."""
    try:
        entry: dict[str, Any] = json.loads(line) if line else {}
    except ValueError:
        return ""
    told = {name for name, value in entry.items() if named and isinstance(value, str) and named.search(value)}
    told |= {_FREE} if entry.get(_FREE) not in {None, "", blank} else set()
    return json.dumps({**entry, **dict.fromkeys(told, blank)}, ensure_ascii=True) if told else line
