"""A provider that says exactly what a test wants it to say, byte for byte, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from tests.real_claude import CLAUDE
from waves.config.backend_kinds import known_kinds, traits
from waves.config.rubric import Rubric, newest

REPOSITORY = Path(__file__).parents[2]


def reply(body: str | bytes, status: int = 200, **headers: str) -> bytes:
    """A whole HTTP response."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(data)}"]
    headers = {"content_type": "application/json", **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\nconnection: close\r\n\r\n" + data


def message(text: str, stop_reason: str = "end_turn") -> str:
    content = [{"type": "text", "text": text}]
    usage = {"input_tokens": 9, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4}
    return json.dumps({"type": "message", "content": content, "stop_reason": stop_reason, "usage": usage})


def verdicts(*short_ids: str) -> str:
    return json.dumps({"verdicts": [{"id": i, "labels": ["question"], "confidence": 0.5} for i in short_ids]})


@dataclass
class Provider:
    """`says` is sent for each request, then the connection is closed; None keeps the client waiting. `asked` are the
    requests: headers (lower case) and body; `arrived` is set with the first."""

    says: bytes | None = b""
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        self._writers: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        first, *head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        if first.startswith("HEAD"):  # somebody looks whether there is anybody
            writer.write(reply(""))
            writer.close()
            return
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
        self.asked.append((headers, json.loads(await reader.readexactly(int(headers["content-length"])))))
        self.arrived.set()
        if self.says is not None:
            writer.write(self.says)
            writer.close()


def called(document: str, stop_reason: str) -> str:
    """An answer as server-sent events that calls the tool for structured output, as `claude` wants it."""
    usage = {"input_tokens": 9, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4}
    about: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    block = {"type": "tool_use", "id": "toolu_1", "name": "StructuredOutput", "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**about, "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": document}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def backend_names() -> list[str]:
    """Every kind that sends single requests itself."""
    return [kind for kind in known_kinds() if traits(kind).asks_through is None]


@pytest.fixture(params=backend_names())
def kind(request: pytest.FixtureRequest) -> Any:
    if request.param == "claude_cli" and not CLAUDE.exists():
        pytest.skip(f"npm did not install the real claude at {CLAUDE}")
    return request.param


@pytest.fixture
def rubric() -> Rubric:
    return newest(REPOSITORY / "prompts" / "comment_classifier")


@pytest.fixture
def provider() -> Callable[..., Provider]:
    return Provider


@pytest.fixture
def say() -> Callable[..., bytes]:
    return reply


@pytest.fixture
def answer(kind: str) -> Callable[..., bytes]:
    """`answer("1", "2")` is a good answer about these ids, in the way in which this backend asks for it."""

    def build(*short_ids: str, stop_reason: str | None = None) -> bytes:
        if kind == "claude_cli":
            return reply(called(verdicts(*short_ids), stop_reason or "tool_use"), content_type="text/event-stream")
        return reply(message(verdicts(*short_ids), stop_reason or "end_turn"))

    return build
