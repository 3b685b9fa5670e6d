"""The lines that `claude` prints (`stream-json`) → what they say: what was asked and paid, and how it came out.

Pure. The answer is written down in the shape of the Messages API, so that it reads the same in a worker and a rescue;
its `stop_reason` is `end_turn` only where every condition of a good result holds. Exit code 0 alone proves nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from waves.backends.answers import interpret
from waves.models import Meter, Usage

_SYNTHETIC = "<synthetic>"  # the CLI's own words in the place of a model's
_MOST_TEXT = 2000
_MOST_USD = 1000.0  # that a single request is believed to have cost
_STOPPED_EARLY = ("max_tokens", "refusal")
_KEPT = ("subtype", "is_error", "api_error_status", "terminal_reason", "num_turns", "stop_reason", "total_cost_usd")
_CLASSES = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(slots=True)
class CliRequest:
    """One request that the CLI sent to a model. `stop_reason` is None until its end came through."""

    usage: Usage
    stop_reason: str | None = None
    whole: bool = False


class Transcript:
    """Fed line by line. Once `stopped` is set the rest would only cost: the CLI goes on asking after a cut answer."""

    def __init__(self) -> None:
        self.key_source: str | None = None
        self.results: list[Mapping[str, Any]] = []
        self.error: str | None = None
        self.noise = ""
        self._requests: dict[str, CliRequest] = {}
        self._meters: dict[str, Meter] = {}
        self._open: str | None = None

    def feed(self, line: bytes) -> None:
        if line.startswith(b'{"type":"stream_event"') and b'"message_' not in line:
            return  # a piece of the answer, which comes again as a whole
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"type": "system", "subtype": "init"}:
                self.key_source = _text(said.get("apiKeySource"))
            case {"type": "stream_event", "event": dict() as event}:
                self._follow(event)
            case {"type": "assistant"}:
                self._answered(said)
            case {"type": "rate_limit_event", "rate_limit_info": dict() as info}:
                self._meters |= {meter.limit: meter for meter in read_meters(info)}
            case {"type": "result"}:
                self.results.append(said)
            case {"type": str()}:
                pass
            case _:
                self.noise = (self.noise + line.decode("utf-8", "replace") + "\n")[:_MOST_TEXT]

    @property
    def meters(self) -> tuple[Meter, ...]:
        return tuple(self._meters.values())

    @property
    def result(self) -> Mapping[str, Any]:
        """The only result; empty where there is none, or more than one."""
        return self.results[0] if len(self.results) == 1 else {}

    @property
    def text(self) -> str:
        """What the CLI says in the place of an answer."""
        found = [self.result.get("result"), *_list(self.result.get("errors")), self.noise]
        return "\n".join(text for text in found if isinstance(text, str) and text)

    @property
    def status(self) -> int | None:
        status = self.result.get("api_error_status")
        return status if isinstance(status, int) else None

    @property
    def asked(self) -> bool:
        """A model began to answer: it may be paid."""
        return bool(self._requests or self._counted())

    @property
    def paid(self) -> bool:
        """An answer came to its end, whatever it is good for."""
        if any(request.stop_reason is not None for request in self._requests.values()):
            return True
        whole = any(request.whole for request in self._requests.values()) or bool(self._counted())
        return whole and self.error is None

    @property
    def stopped(self) -> str | None:
        """Why the model stopped early, where it did."""
        last = list(self._requests.values())[-1:]
        return last[0].stop_reason if last and last[0].stop_reason in _STOPPED_EARLY else None

    def usage(self) -> Usage:
        """The tokens of all requests; None in a class where one of them does not tell."""
        cost = _number(self.result.get("total_cost_usd"))
        reported = cost if cost is not None and 0 < cost <= _MOST_USD else None
        counted = self._counted()
        told = [request.usage for request in self._requests.values()] or (counted if len(counted) == 1 else [Usage()])
        return Usage(
            input=_sum(one.input for one in told),
            output=_sum(one.output for one in told),
            cache_write=_sum(one.cache_write for one in told),
            cache_read=_sum(one.cache_read for one in told),
            cache_write_1h=_sum(one.cache_write_1h for one in told),
            reported_usd=reported,
        )

    def _counted(self) -> list[Usage]:
        """The results' own counts, where they count anything."""
        usages = [result.get("usage") for result in self.results]
        counted = [usage for usage in usages if isinstance(usage, dict) and any(usage.get(name) for name in _CLASSES)]
        return [usage_of(usage) for usage in counted]

    def _follow(self, event: Mapping[str, Any]) -> None:
        match event:
            case {"type": "message_start", "message": {"id": str(name), "usage": dict() as usage}}:
                self._open = name
                self._requests[name] = CliRequest(usage_of({**usage, "output_tokens": None}))
            case {"type": "message_delta", "delta": {"stop_reason": str(reason)}} if self._open in self._requests:
                request = self._requests[self._open]
                request.stop_reason = reason
                request.usage = _completed(request.usage, event.get("usage"))

    def _answered(self, said: Mapping[str, Any]) -> None:
        match said:
            case {"error": str(code)}:
                self.error = code
            case {"api_error": str(code)}:
                self.error = code
            case {"message": {"id": str(name), "model": str(model), "usage": dict() as usage}} if model != _SYNTHETIC:
                known = self._requests.setdefault(name, CliRequest(usage_of({**usage, "output_tokens": None})))
                known.whole = True


def answer_of(transcript: Transcript, code: int | None) -> str:
    """What was paid for, as a message of the Messages API."""
    result = transcript.result
    output = _accepted(result, code)
    if output is not None:
        text, stop_reason = json.dumps(output), "end_turn"
    else:
        # what the model said is of no use to anybody; the result tells why
        text, stop_reason = "", transcript.stopped or "tool_use"
    return json.dumps(
        {
            "type": "message",
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop_reason,
            "claude": {"exit_code": code, "results": len(transcript.results)}
            | {name: result[name] for name in _KEPT if name in result},
        },
        separators=(",", ":"),
    )


def _accepted(result: Mapping[str, Any], code: int | None) -> Mapping[str, Any] | None:
    """The structured output of a good result; whether it fits the rubric is judged later, item by item."""
    output, turns = result.get("structured_output"), result.get("num_turns")
    good = (
        code == 0
        and result.get("is_error") is False
        and result.get("subtype") == "success"
        and isinstance(turns, int)
        and turns >= 1
        and isinstance(output, dict)
    )
    return output if good else None


def read_meters(info: Mapping[str, Any]) -> list[Meter]:
    """The windows that a `rate_limit_info` tells of."""
    windows = info.get("unifiedWindows")
    found = [
        Meter(name, _share(window.get("utilization")), resets_at=_moment(window))
        for name, window in (windows.items() if isinstance(windows, dict) else ())
        if isinstance(window, dict)
    ]
    rejected = info.get("status") == "rejected"
    name = _text(info.get("rateLimitType")) or ("unified" if rejected and _moment(info) else None)
    if name is not None:
        used = next((meter.used for meter in found if meter.limit == name), None)
        said = _share(info.get("utilization"))
        found = [meter for meter in found if meter.limit != name]
        found.append(Meter(name, used if said is None else said, resets_at=_moment(info), rejected=rejected))
    return found


def usage_of(usage: Mapping[str, Any]) -> Usage:
    return interpret.usage_of({"usage": usage})


def _completed(begun: Usage, end: object) -> Usage:
    """The end of an answer tells its output, and may correct the rest."""
    told = usage_of(end) if isinstance(end, dict) else Usage()
    return Usage(
        begun.input if told.input is None else told.input,
        told.output,
        begun.cache_write if told.cache_write is None else told.cache_write,
        begun.cache_read if told.cache_read is None else told.cache_read,
        begun.cache_write_1h if told.cache_write_1h is None else told.cache_write_1h,
    )


def _moment(info: Mapping[str, Any]) -> datetime | None:
    said = info.get("resetsAt", info.get("resets_at"))
    try:
        return datetime.fromtimestamp(float(said), UTC) if isinstance(said, int | float | str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _share(said: object) -> float | None:
    share = _number(said)
    return share if share is not None and share >= 0 else None


def _number(said: object) -> float | None:
    """One that a journal and a database can hold; JSON's are without bounds."""
    if not isinstance(said, int | float) or isinstance(said, bool):
        return None
    try:
        return float(said) if math.isfinite(said) else None
    except OverflowError:
        return None


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
