"""`data/logs/`: one JSON-lines log per fire. It holds ids, counts and reasons; never row text, answers or secrets.
The exception is `output`: the last lines that a theme's own command printed, unchanged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from waves.ids import now
from waves.spool import files


class FireLog:
    """Appends one object per event. The file is created by the first event."""

    def __init__(self, data: Path, theme_id: str, run_id: str) -> None:
        self._path = data / "logs" / f"{theme_id}-{run_id}.jsonl"
        self._appender: files.Appender | None = None

    def write(self, event: str, **fields: str | float | None) -> None:
        if self._appender is None:
            files.make_folder(self._path.parent)
            self._appender = files.Appender(self._path)
        entry: dict[str, Any] = {"at": now().isoformat(timespec="milliseconds"), "event": event, **fields}
        self._appender.append(json.dumps(entry, ensure_ascii=True).encode() + b"\n")

    def close(self) -> None:
        if self._appender is not None:
            self._appender.close()
            self._appender = None
