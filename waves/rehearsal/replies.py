"""The bodies of answers: the message as JSON or as server-sent events, and errors. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from waves.rehearsal.protocol import ERROR_TYPES
from waves.rehearsal.usage import Billed

NOTICE = "a rehearsal, not a language model"
NO_MESSAGE = {
    "html": ("text/html", b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"),
    "empty_object": ("application/json", b"{}"),
    "error_in_200": (
        "application/json",
        b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
    ),
    "gateway_error_in_200": ("application/json", b'{"error": {"code": 502, "message": "Bad gateway"}}'),
    "endless_body": ("application/json", b" " * 65536),
}
"""Fault -> content type and body of an answer with status 200 that is no message."""
_MEGABYTE = 1_000_000
_PIECE = 256  # characters of one streamed delta


@dataclass(frozen=True, slots=True)
class Message:
    """One answer. `content` is a text, or (tool name, input) for a forced tool."""

    message_id: str
    model: str
    content: str | tuple[str, dict[str, Any]]
    stop_reason: str
    billed: Billed
    output_tokens: int

    def blocks(self) -> list[dict[str, Any]]:
        if isinstance(self.content, str):
            return [{"type": "text", "text": self.content, "citations": None}] if self.content else []
        name, given = self.content
        tool_id = self.message_id.replace("msg_", "toolu_")
        return [{"type": "tool_use", "id": tool_id, "name": name, "input": given, "caller": {"type": "direct"}}]


def model_name(requested: str) -> str:
    """The model name in the answer: it cannot be mistaken for that of the requested model."""
    return requested if requested.startswith("rehearsal") else f"rehearsal:{requested}"


def message_json(message: Message) -> bytes:
    return json.dumps(
        {
            **_envelope(message),
            "content": message.blocks(),
            "stop_reason": message.stop_reason,
            "stop_details": _stop_details(message),
            "usage": _usage(message, message.output_tokens),
        }
    ).encode()


def message_events(message: Message) -> Iterator[bytes]:
    """The message as server-sent events, in the provider's order."""
    start = {**_envelope(message), "content": [], "stop_reason": None, "usage": _usage(message, 1)}
    yield _event("message_start", message=start)
    for index, block in enumerate(message.blocks()):
        key, kind, text = (
            ("text", "text_delta", block["text"])
            if block["type"] == "text"
            else ("partial_json", "input_json_delta", json.dumps(block["input"]))
        )
        opened = {**block, "text": ""} if key == "text" else {**block, "input": {}}
        yield _event("content_block_start", index=index, content_block=opened)
        yield _event("ping")
        for at in range(0, len(text), _PIECE):
            yield _event("content_block_delta", index=index, delta={"type": kind, key: text[at : at + _PIECE]})
        yield _event("content_block_stop", index=index)
    delta = {"stop_reason": message.stop_reason, "stop_sequence": None, "stop_details": _stop_details(message)}
    yield _event("message_delta", delta=delta, usage=_usage(message, message.output_tokens))
    yield _event("message_stop")


def huge(body: bytes) -> bytes:
    """The body behind 400 MB of blanks, as gzip: valid, and 400 kB long."""
    blanks, packer = _packed_blanks()
    packer = packer.copy()
    return blanks + packer.compress(body) + packer.flush()


def error_json(status: int, message: str, request_id: str, error_code: str | None = None) -> bytes:
    error: dict[str, Any] = {"type": ERROR_TYPES[status], "message": message}
    if error_code is not None:
        error["details"] = {"error_code": error_code}
    return json.dumps({"type": "error", "error": error, "request_id": request_id}).encode()


def models_json() -> bytes:
    model = {
        "type": "model",
        "id": "rehearsal",
        "display_name": f"Rehearsal ({NOTICE})",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
    return json.dumps({"data": [model], "has_more": False, "first_id": "rehearsal", "last_id": "rehearsal"}).encode()


@cache
def _packed_blanks() -> tuple[bytes, zlib._Compress]:
    """The beginning of such a body, and the compressor in its state behind it."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    piece = b" " * _MEGABYTE
    return b"".join(packer.compress(piece) for _ in range(400)), packer


def _envelope(message: Message) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "stop_sequence": None,
        "container": None,
    }


def _usage(message: Message, output_tokens: int) -> dict[str, Any]:
    billed = message.billed
    return {
        "input_tokens": billed.uncached,
        "cache_creation_input_tokens": billed.written,
        "cache_read_input_tokens": billed.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": billed.written_5m,
            "ephemeral_1h_input_tokens": billed.written_1h,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _stop_details(message: Message) -> dict[str, Any] | None:
    if message.stop_reason != "refusal":
        return None
    return {"type": "refusal", "category": "general_harms", "explanation": "The scenario asks for a refusal."}


def _event(name: str, **fields: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()
