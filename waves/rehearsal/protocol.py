"""A request of the Messages API as it arrived → `ParsedRequest`, or the error that the provider would answer with.

Only the fields that the stand-in uses are read; all others are ignored. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from waves.rehearsal.schema import Json, defect

ERROR_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
LARGEST_REQUEST = 32 * 1024 * 1024  # bytes
_SAMPLING = ("temperature", "top_p", "top_k")
_FIRST_VERSION_WITHOUT_SAMPLING = "2026-10-21"


class ProtocolError(Exception):
    """A request that the provider would refuse. `status` is a key of `ERROR_TYPES`. Not raised outside the server."""

    def __init__(self, status: int, message: str, error_code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_code = error_code


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of the prompt, in the order of the cache: tools, system, messages. `ttl` in seconds marks a cache
    breakpoint at its end."""

    text: str
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """`items` are (id, input) of the last user message's `{"items": […]}`; `schema` is that of the answer's JSON, and
    `tool` the name of the tool whose input it is, if one is forced."""

    model: str
    max_tokens: int
    stream: bool
    system: str
    text: str
    items: tuple[tuple[str, Any], ...] = field(hash=False)
    schema: Mapping[str, Any] | None = field(hash=False)
    tool: str | None
    segments: tuple[Segment, ...]


def parse_json(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError(400, "The request body is not valid JSON") from None
    if not isinstance(request, dict):
        raise ProtocolError(400, "The request body must be a JSON object")
    return request


def read_request(body: bytes, version: str, *, counting: bool = False) -> ParsedRequest:
    """The body of `POST /v1/messages`, or of `count_tokens`, which has no `max_tokens`. Raises ProtocolError."""
    request = parse_json(body)
    _check(request, version, counting=counting)
    system_blocks = _blocks(request.get("system") or "", "system")
    messages = request["messages"]
    message_blocks = [block for message in messages for block in _blocks(message.get("content", ""), "messages")]
    last = _last_user_texts(messages)
    schema, tool = _answer_format(request)
    return ParsedRequest(
        model=request["model"],
        max_tokens=request.get("max_tokens") or 0,
        stream=request.get("stream") is True,
        system="\n\n".join(block.text for block in system_blocks),
        text="\n\n".join(last),
        items=next((items for text in last if (items := _items(text))), ()),
        schema=schema,
        tool=tool,
        segments=(*_tool_segments(request), *system_blocks, *_with_automatic(request, message_blocks)),
    )


def refuse_longer_answer(asked: ParsedRequest, longest: int | None) -> None:
    """A `max_tokens` beyond what the model can give is refused, and not lowered."""
    if longest is not None and asked.max_tokens > longest:
        raise ProtocolError(400, f"max_tokens: {asked.max_tokens} > {longest}, the maximum number of output tokens")


def _check(request: Mapping[str, Any], version: str, *, counting: bool) -> None:
    if not isinstance(request.get("model"), str) or not request["model"]:
        raise ProtocolError(400, "model: Field required")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise ProtocolError(400, "messages: at least one message is required")
    if not counting and (not isinstance(request.get("max_tokens"), int) or request["max_tokens"] < 1):
        raise ProtocolError(400, "max_tokens: must be a positive integer")
    sampling = [name for name in _SAMPLING if request.get(name) is not None]
    if sampling and version >= _FIRST_VERSION_WITHOUT_SAMPLING:
        raise ProtocolError(400, f"{sampling[0]}: Extra inputs are not permitted")


def _blocks(content: Json, where: str) -> list[Segment]:
    if isinstance(content, str):
        return [Segment(content)] if content else []
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise ProtocolError(400, f"{where}: must be text or a list of blocks")
    return [
        Segment(block["text"] if isinstance(block.get("text"), str) else json.dumps(block), _ttl(block))
        for block in content
    ]


def _ttl(block: Mapping[str, Any]) -> int | None:
    control = block.get("cache_control")
    if not isinstance(control, dict):
        return None
    if control.get("type") != "ephemeral" or control.get("ttl", "5m") not in ("5m", "1h"):
        raise ProtocolError(400, "cache_control: type must be 'ephemeral' and ttl '5m' or '1h'")
    return 3600 if control.get("ttl") == "1h" else 300


def _tool_segments(request: Mapping[str, Any]) -> Iterator[Segment]:
    tools = request.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ProtocolError(400, "tools: must be a list of objects")
    for tool in tools:
        yield Segment(json.dumps(tool, sort_keys=True), _ttl(tool))


def _with_automatic(request: Mapping[str, Any], blocks: list[Segment]) -> list[Segment]:
    """`cache_control` of the whole request puts a breakpoint after its last block."""
    ttl = _ttl(request)
    if ttl is None or not blocks:
        return blocks
    return [*blocks[:-1], Segment(blocks[-1].text, ttl)]


def _last_user_texts(messages: list[dict[str, Any]]) -> list[str]:
    for message in reversed(messages):
        if message.get("role") == "user":
            return [block.text for block in _blocks(message.get("content", ""), "messages")]
    raise ProtocolError(400, "messages: at least one user message is required")


def _items(text: str) -> tuple[tuple[str, Any], ...]:
    """The items of a message, or none if it does not have this shape. Text may follow the document."""
    text = text.lstrip()
    if not text.startswith("{"):
        return ()
    try:
        items = json.JSONDecoder().raw_decode(text)[0]["items"]
        return tuple((str(item["id"]), item.get("input")) for item in items)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


def _answer_format(request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """The schema of the answer and the forced tool's name; that of `output_config.format` if no tool is forced."""
    choice = _object(request, "tool_choice")
    if choice.get("type") in ("tool", "any"):
        name = choice.get("name") if choice["type"] == "tool" else None
        chosen = next((tool for tool in request.get("tools") or () if name in (None, tool.get("name"))), None)
        if chosen is None:
            raise ProtocolError(400, "tool_choice: there is no such tool")
        return _schema(chosen.get("input_schema", {}), "tools.input_schema", structured=False), str(chosen.get("name"))
    output_format = _object(_object(request, "output_config"), "format")
    if not output_format:
        return _only_tool(request)
    if output_format.get("type") != "json_schema":
        raise ProtocolError(400, "output_config.format.type: must be 'json_schema'")
    return _schema(output_format.get("schema"), "output_config.format.schema", structured=True), None


def _only_tool(request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """A model that is offered a single tool, and instructed to answer with it, does so without being forced."""
    match request.get("tools"):
        case [{"name": str(name), "input_schema": schema}] if _object(request, "tool_choice").get("type") != "none":
            return _schema(schema, "tools.input_schema", structured=False), name
        case _:
            return None, None


def _object(outer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = outer.get(name)
    if value is not None and not isinstance(value, dict):
        raise ProtocolError(400, f"{name}: must be an object")
    return value or {}


def _schema(schema: Json, where: str, *, structured: bool) -> Mapping[str, Any]:
    if problem := _defect(json.dumps(schema), structured):
        raise ProtocolError(400, f"{where}: {problem}")
    checked: Mapping[str, Any] = schema
    return checked


@lru_cache(maxsize=64)
def _defect(schema: str, structured: bool) -> str | None:
    """Cached, because a wave sends the same schema with every request."""
    return defect(json.loads(schema), structured=structured)
