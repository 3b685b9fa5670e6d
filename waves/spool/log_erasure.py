"""Erases what the logs of a theme's fires hold about one row: reasons that name it in fires whose wave held it, and all
output of the theme's own command, because another program may spell a row in any way. Only under the theme's lock;
after a kill at any point, the next try finds what is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from waves.spool import files
from waves.spool.faults import disk_faults

_RUN = "????????T??????Z-run-????????"
_OUTPUT = "output"
"""The field with the output of the theme's command. All other fields are ours, and name rows in reasons only."""


def erase(
    data: Path, theme_id: str, names: Collection[str], wave_ids: frozenset[str], blank: str, *, dry_run: bool
) -> int:
    """Erases the row. Returns the number of logs that may have mentioned it. `names` is the key in each spelling that a
    message uses; `wave_ids` are the waves that held it: a row that was in none is in no log. `blank` replaces every
    text that mentioned it."""
    if not wave_ids:
        return 0
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)))
    with disk_faults(data):
        logs = sorted((data / "logs").glob(f"{theme_id}-{_RUN}.jsonl"))
    return sum(_erase_in(path, wave_ids, named, blank, dry_run=dry_run) for path in logs)


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
    """The line with blanks; a line that was cut off becomes empty, because its subject is unknown."""
    try:
        entry: dict[str, Any] = json.loads(line) if line else {}
    except ValueError:
        return ""
    fields = {name for name, value in entry.items() if named and isinstance(value, str) and named.search(value)}
    fields |= {_OUTPUT} if entry.get(_OUTPUT) not in {None, "", blank} else set()
    return json.dumps({**entry, **dict.fromkeys(fields, blank)}, ensure_ascii=True) if fields else line
