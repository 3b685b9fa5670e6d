"""The lines that `claude` prints (`stream-json`) → what they report: the requests to a model, their tokens, the limits
and the result. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from waves.backends.answers import envelope
from waves.backends.claude_cli.fields import list_of, number_of, text_of
from waves.backends.claude_cli.rate_limits import read_meters
from waves.exact_json import exact
from waves.models import Meter, Usage

_SYNTHETIC = "<synthetic>"  # the model of a message that the CLI wrote itself
_MOST_OTHER_OUTPUT = 2000
_MOST_USD = 1000.0  # more than this is not believed of a single request
_STOPPED_EARLY = ("max_tokens", "refusal")
_TOKEN_CLASSES = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(slots=True)
class CliRequest:
    """A request that the CLI sent to a model. `stop_reason` is None until the end of its answer has been printed;
    `whole` means that the CLI printed the answer as a whole."""

    usage: Usage
    stop_reason: str | None = None
    whole: bool = False


class Transcript:
    """Fed line by line. Once `stopped_early` is set the process should be ended: after an answer that was cut short
    the CLI goes on asking, and that would only cost. `overage`: whether the subscription may be exceeded for money."""

    def __init__(self, *, overage: bool = False) -> None:
        self._overage = overage
        self.key_source: str | None = None
        self.results: list[Mapping[str, Any]] = []
        self.error: str | None = None
        self._other_output = ""
        self._requests: dict[str, CliRequest] = {}
        self._meters: dict[str, Meter] = {}
        self._current: str | None = None

    def feed(self, line: bytes) -> None:
        if line.startswith(b'{"type":"stream_event"') and b'"message_' not in line:
            return  # a piece of the answer, which is printed again as a whole
        try:
            event = json.loads(line, parse_float=exact)
        except (ValueError, RecursionError):
            event = None
        match event:
            case {"type": "system", "subtype": "init"}:
                self.key_source = text_of(event.get("apiKeySource"))
            case {"type": "stream_event", "event": dict() as streamed}:
                self._stream_event(streamed)
            case {"type": "assistant"}:
                self._assistant_message(event)
            case {"type": "rate_limit_event", "rate_limit_info": dict() as info}:
                self._meters |= {meter.limit: meter for meter in read_meters(info, overage=self._overage)}
            case {"type": "result"}:
                self.results.append(event)
            case {"type": str()}:
                pass
            case _:
                line_text = line.decode("utf-8", "replace")
                self._other_output = f"{self._other_output}{line_text}\n"[:_MOST_OTHER_OUTPUT]

    @property
    def meters(self) -> tuple[Meter, ...]:
        return tuple(self._meters.values())

    @property
    def result(self) -> Mapping[str, Any]:
        """The only result; empty if there is none, or more than one."""
        return self.results[0] if len(self.results) == 1 else {}

    @property
    def message(self) -> str:
        """What the CLI printed in place of an answer."""
        texts = [self.result.get("result"), *list_of(self.result.get("errors")), self._other_output]
        return "\n".join(text for text in texts if isinstance(text, str) and text)

    @property
    def status(self) -> int | None:
        status = self.result.get("api_error_status")
        return status if isinstance(status, int) else None

    @property
    def began(self) -> bool:
        """Whether a model began to answer: then the request may be paid."""
        return bool(self._requests or self._counted())

    @property
    def paid(self) -> bool:
        """Whether an answer came to its end, usable or not."""
        if any(request.stop_reason is not None for request in self._requests.values()):
            return True
        whole = any(request.whole for request in self._requests.values()) or bool(self._counted())
        return whole and self.error is None

    @property
    def stopped_early(self) -> str | None:
        """The reason for which the model stopped before the answer was complete, if it did."""
        last = list(self._requests.values())[-1:]
        return last[0].stop_reason if last and last[0].stop_reason in _STOPPED_EARLY else None

    def usage(self) -> Usage:
        """The tokens of all requests; None in a class that one of them does not report."""
        cost = number_of(self.result.get("total_cost_usd"))
        counted = self._counted()
        usages = [request.usage for request in self._requests.values()] or (counted if len(counted) == 1 else [Usage()])
        return Usage(
            input=_sum(usage.input for usage in usages),
            output=_sum(usage.output for usage in usages),
            cache_write=_sum(usage.cache_write for usage in usages),
            cache_read=_sum(usage.cache_read for usage in usages),
            cache_write_1h=_sum(usage.cache_write_1h for usage in usages),
            reported_usd=cost if cost is not None and 0 < cost <= _MOST_USD else None,
        )

    def _counted(self) -> list[Usage]:
        """The counts of the results themselves, of those that count anything."""
        reported = [result.get("usage") for result in self.results]
        return [
            _usage_of(usage)
            for usage in reported
            if isinstance(usage, dict) and any(usage.get(name) for name in _TOKEN_CLASSES)
        ]

    def _stream_event(self, event: Mapping[str, Any]) -> None:
        match event:
            case {"type": "message_start", "message": {"id": str(name), "usage": dict() as usage}}:
                self._current = name
                self._requests[name] = CliRequest(_usage_at_start(usage))
            case {"type": "message_delta", "delta": {"stop_reason": str(reason)}} if self._current in self._requests:
                request = self._requests[self._current]
                request.stop_reason = reason
                request.usage = _completed(request.usage, event.get("usage"))

    def _assistant_message(self, event: Mapping[str, Any]) -> None:
        match event:
            case {"error": str(code)} | {"api_error": str(code)}:
                self.error = code
            case {"message": {"id": str(name), "model": str(model), "usage": dict() as usage}} if model != _SYNTHETIC:
                self._requests.setdefault(name, CliRequest(_usage_at_start(usage))).whole = True


def _usage_of(usage: Mapping[str, Any]) -> Usage:
    return envelope.usage_of({"usage": usage})


def _usage_at_start(usage: Mapping[str, Any]) -> Usage:
    """Without the output, which is known at the end."""
    return _usage_of({**usage, "output_tokens": None})


def _completed(start: Usage, reported: object) -> Usage:
    """The end of an answer reports its output, and may correct the rest."""
    end = _usage_of(reported) if isinstance(reported, dict) else Usage()
    return Usage(
        start.input if end.input is None else end.input,
        end.output,
        start.cache_write if end.cache_write is None else end.cache_write,
        start.cache_read if end.cache_read is None else end.cache_read,
        start.cache_write_1h if end.cache_write_1h is None else end.cache_write_1h,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
