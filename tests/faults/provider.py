"""The stand-in provider as a process of its own: its record is the judge of what was paid."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import prefork

ERRORS_IN_200 = frozenset({"error_in_200", "gateway_error_in_200"})


class Provider:
    """The stand-in provider as a process outside of the project, with its record. It can be stopped and started."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.url = ""
        self._process: prefork.Forked | None = None
        self._stdin = -1
        self._read = 0
        self._lines: list[dict[str, Any]] = []

    def start(self, scenario: Mapping[str, Any] | None = None, *, port: int = 0, seed: int = 0) -> str:
        arguments = ["--port", str(port), "--seed", str(seed), "--record", str(self.record)]
        arguments += ["--scenario", json.dumps(scenario or {}), "--until-stdin-closes"]
        stdin, self._stdin = os.pipe()
        out, announced = os.pipe()
        self._process = prefork.start(
            "rehearsal", arguments, self.record.parent, os.environ, streams=(stdin, announced, 2)
        )
        os.close(stdin)
        os.close(announced)
        with os.fdopen(out, encoding="utf-8") as announcement:
            self.url = str(json.loads(announcement.readline())["url"])
        return self.url

    def restart(self, scenario: Mapping[str, Any] | None = None) -> None:
        """Another provider at the same address, e.g. one that is well again."""
        self.stop()
        self.start(scenario, port=int(self.url.rpartition(":")[2]))

    def stop(self) -> None:
        if self._process is None:
            return
        os.close(self._stdin)
        self._process.wait(10)
        self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self.stop()

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """What the record says up to now, `arrived` or `ended`; requests for messages only."""
        if self.record.exists():
            with self.record.open("rb") as record:
                record.seek(self._read)
                new = record.read().rpartition(b"\n")[0]
            self._read += len(new) + bool(new)
            self._lines += [json.loads(line) for line in new.splitlines()]
        return [line for line in self._lines if line["t"] == kind and line["path"] == "/v1/messages"]

    def answers(self) -> list[dict[str, Any]]:
        """What was handed over with status 200, and is no error: what costs money."""
        ended = (line for line in self.lines("ended") if line["status"] == 200 and line["answered"])
        return [line for line in ended if line["fault"] not in ERRORS_IN_200]
