"""Erase what the logs of a theme's fires say of one row: in the reasons of fires whose wave held it, and in what the
theme's own command printed, wherever that shows it. Only under the theme's lock; killed at any point, the next try
finds what is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from waves.spool import files
from waves.spool.faults import reported

BLANK = "(named a row that was forgotten)"
_RUN = "????????T??????Z-run-????????"
_FREE = "output"
"""What somebody else's program printed. Everything else is our own, and has rows in reasons alone."""


def erase(
    data: Path,
    theme_id: str,
    names: Collection[str],
    wave_ids: frozenset[str],
    texts: Collection[str],
    *,
    dry_run: bool,
) -> int:
    """How many logs spoke of the row; none does any more. `names` is the key, in each spelling that a message has."""
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)))

    def about(text: str) -> bool:
        return bool(named.search(text)) or any(own in text for own in texts)

    with reported(data):
        found = sorted((data / "logs").glob(f"{theme_id}-{_RUN}.jsonl"))
    return sum(_erase_in(path, wave_ids, about, dry_run=dry_run) for path in found)


def _erase_in(path: Path, wave_ids: frozenset[str], about: Callable[[str], bool], *, dry_run: bool) -> int:
    text = files.read_file(path).decode("utf-8", "surrogateescape")
    held = any(wave_id in text for wave_id in wave_ids)
    lines = text.split("\n")
    left = [_without(line, lambda name: held or name == _FREE, about) for line in lines]
    if left == lines:
        return 0
    if not dry_run:
        files.write_atomic(path, "\n".join(left).encode("utf-8", "surrogateescape"))
    return 1


def _without(line: str, may_name: Callable[[str], bool], about: Callable[[str], bool]) -> str:
    """A line that was cut off goes as a whole where it speaks of the row."""
    try:
        entry: dict[str, Any] = json.loads(line) if line else {}
    except ValueError:
        return "" if about(line) else line
    told = {name for name, value in entry.items() if isinstance(value, str) and may_name(name) and about(value)}
    return json.dumps({**entry, **dict.fromkeys(told, BLANK)}, ensure_ascii=True) if told else line
