"""A rehearsal provider for each test, in a thread or as the process that users start, and the real SDK to ask it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import pytest

from waves.config.rubric import Rubric, newest
from waves.rehearsal.scenarios import load
from waves.rehearsal.server import Rehearsal

LABELS = ["question", "endorsement", "edit_suggestion"]
SYSTEM = """Label each comment.

### Example

```json
{"content": "How many patients were in the second group?", "kind": "review"}
```

```json
{"labels": ["question"], "note": "asks", "confidence": 0.9}
```

### Example

```json
{"content": "I fully agree, a wonderful paper.", "kind": "review"}
```

```json
{"labels": ["endorsement"], "note": "agrees", "confidence": 0.9}
```

### Example

```json
{"content": "Please move the second figure to the appendix.", "kind": "review"}
```

```json
{"labels": ["edit_suggestion"], "note": "asks for a change", "confidence": 0.9}
```
"""
ELEMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "labels", "note", "confidence"],
    "properties": {
        "id": {"type": "string"},
        "labels": {"type": "array", "items": {"type": "string", "enum": LABELS}},
        "note": {"type": "string"},
        "confidence": {"type": "number"},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdicts"],
    "properties": {"verdicts": {"type": "array", "items": ELEMENT}},
}
TEXTS = ("How many patients were left out?", "A wonderful paper, I agree.", "Please move the last figure.")


def request(texts: tuple[str, ...] = TEXTS, **changes: Any) -> dict[str, Any]:
    """The arguments of one call as the backend makes it, ids from 1."""
    items = [{"id": str(n), "input": {"content": text, "kind": "review"}} for n, text in enumerate(texts, 1)]
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 2000,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": json.dumps({"items": items})}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    } | changes


@dataclass
class Provider:
    url: str
    record: Path
    clients: contextlib.ExitStack
    ask: Callable[..., dict[str, Any]] = field(default=request)

    def client(self, key: str = "any") -> anthropic.Anthropic:
        return self.clients.enter_context(anthropic.Anthropic(base_url=self.url, api_key=key, max_retries=0))

    def create(self, **changes: Any) -> anthropic.types.Message:
        message = self.client().messages.create(**request(**changes))
        assert isinstance(message, anthropic.types.Message)
        return message

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text("ascii").splitlines()]

    def wait_for(self, n: int, kind: str) -> list[dict[str, Any]]:
        """The record's lines of a kind, once there are `n`."""
        deadline = time.monotonic() + 10
        while len(matching := [line for line in self.lines() if line["t"] == kind]) < n:
            assert time.monotonic() < deadline, f"only {len(matching)} {kind} lines"
            threading.Event().wait(0.002)
        return matching


Start = Callable[..., Provider]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Call it with a scenario (a name, or its keys) and a seed: a provider in a thread of this process."""
    with contextlib.ExitStack() as stack:

        def run(scenario: str | Mapping[str, Any] = "healthy", seed: int = 0) -> Provider:
            text = scenario if isinstance(scenario, str) else json.dumps(scenario)
            record = tmp_path / "record.jsonl"
            url = stack.enter_context(_in_a_thread(Rehearsal(load(text), seed=seed, record=record)))
            return Provider(url, record, stack.enter_context(contextlib.ExitStack()))

        yield run


@contextlib.contextmanager
def _in_a_thread(rehearsal: Rehearsal) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(rehearsal.start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(rehearsal.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass
class Process:
    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    provider: Provider

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> tuple[int, str]:
        """The exit code and what stood on stderr."""
        code = self.process.wait(10)
        assert self.process.stderr is not None
        return code, self.process.stderr.read().decode()


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Call it with arguments: `python -m waves.rehearsal` with every warning shown, as soon as it listens."""
    with contextlib.ExitStack() as stack:

        def run(*arguments: str) -> Process:
            record = tmp_path / "record.jsonl"
            command = [sys.executable, "-X", "dev", "-m", "waves.rehearsal", "--record", str(record), *arguments]
            pipe = subprocess.PIPE
            process = stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe))
            stack.callback(process.kill)
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            return Process(process, facts, Provider(facts["url"], record, stack.enter_context(contextlib.ExitStack())))

        yield run


@pytest.fixture(scope="session")
def shipped_rubric() -> Rubric:
    return newest(Path(__file__).parents[3] / "prompts" / "comment_classifier")
