"""The stand-in provider as a process of its own: its record is the judge of what was paid."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Provider:
    """The stand-in provider as a process outside of the project, with its record. It can be stopped and started."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._read = 0
        self._lines: list[dict[str, Any]] = []

    def start(self, scenario: Mapping[str, Any] | None = None, *, port: int = 0, seed: int = 0) -> str:
        command = [sys.executable, "-m", "waves.rehearsal", "--port", str(port), "--seed", str(seed)]
        command += ["--record", str(self.record), "--scenario", json.dumps(scenario or {}), "--until-stdin-closes"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.url = str(json.loads(self._process.stdout.readline())["url"])
        return self.url

    def restart(self, scenario: Mapping[str, Any] | None = None) -> None:
        """Another provider at the same address, e.g. one that is well again."""
        self.stop()
        self.start(scenario, port=int(self.url.rpartition(":")[2]))

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
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
        """What was handed over with status 200: what costs money."""
        return [line for line in self.lines("ended") if line["status"] == 200 and line["answered"]]
