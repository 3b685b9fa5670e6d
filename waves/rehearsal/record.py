"""The stand-in's own log of every request, one JSON line for each event: the reference in crash tests.

`arrived` is written when the whole request has been read; `ended` when its answer was handed to the operating system,
or when it is certain that none will be. Each line is one write to a file opened for appending, so it is complete and
in the file before anything else happens, whichever process is killed. Whether an answer reached its reader cannot be
known: `answered` means that it was handed over in full, `client_gone` that the connection was lost before that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from waves.errors import DiskError


@dataclass(slots=True)
class Turn:
    """One request in the record. Moments are epoch seconds; `item_faults` maps item ids to faults of their verdicts.
    `in_flight` includes this request; `batch` is the id of its batch, if it came in one; `cut`: the scenario reset the
    connection."""

    request_id: str
    path: str
    started: float
    in_flight: int
    model: str | None = None
    stream: bool = False
    system: str = ""
    items: Sequence[tuple[str, Any]] = ()
    status: int | None = None
    fault: str | None = None
    cause: str | None = None
    item_faults: dict[str, str] = field(default_factory=dict)
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    answered: bool = False
    client_gone: bool = False
    cut: bool = False
    finished: float | None = None
    batch: str | None = None


class Record:
    """Appends to `path`, which several servers may use one after another. Raises DiskError if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DiskError(f"the record {path} cannot be written: {error.strerror}", "give another --record") from None

    def arrived(self, turn: Turn) -> None:
        self._write({"t": "arrived", **self._common(turn), "in_flight": turn.in_flight, "at": turn.started})

    def ended(self, turn: Turn) -> None:
        self._write(
            {
                "t": "ended",
                **self._common(turn),
                "status": turn.status,
                "fault": turn.fault,
                "cause": turn.cause,
                "input_tokens": turn.input_tokens,
                "cache_creation_input_tokens": turn.cache_write_tokens,
                "cache_read_input_tokens": turn.cache_read_tokens,
                "output_tokens": turn.output_tokens,
                "in_flight": turn.in_flight,
                "started": turn.started,
                "finished": turn.finished,
                "arrived": True,
                "answered": turn.answered,
                "client_gone": turn.client_gone,
            }
        )

    def close(self) -> None:
        os.close(self._file)

    def _common(self, turn: Turn) -> dict[str, Any]:
        return {
            "request_id": turn.request_id,
            "path": turn.path,
            "model": turn.model,
            "stream": turn.stream,
            "batch": turn.batch,
            "system_sha256": _text_hash(turn.system),
            "items": [
                {"id": item_id, "sha256": input_hash(given), "fault": turn.item_faults.get(item_id)}
                for item_id, given in turn.items
            ],
        }

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]


def input_hash(given: object) -> str:
    """sha256 of an item's input as canonical JSON: it identifies an item in the record without its text."""
    return hashlib.sha256(
        json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    ).hexdigest()


@lru_cache(maxsize=32)
def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
