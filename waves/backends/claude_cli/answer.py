"""A transcript in which an answer was paid for → a message of the Messages API, as the journal keeps it.

In this shape it reads the same in a worker and in a rescue. Its `stop_reason` is `end_turn` only if every condition of
a good result holds: exit code 0 alone proves nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waves import exact_json
from waves.backends.claude_cli.transcript import Transcript

_ENCODER = exact_json.Encoder(separators=(",", ":"))
_KEPT = ("subtype", "is_error", "api_error_status", "terminal_reason", "num_turns", "stop_reason", "total_cost_usd")


def answer_of(transcript: Transcript, exit_code: int | None) -> str:
    """What was paid for. Without a good result its text is empty: what the model wrote is of no use, and the fields of
    the result that are kept say why."""
    result = transcript.result
    output = _structured_output(result, exit_code)
    text = "" if output is None else str(_ENCODER.encode(output))
    stop_reason = "end_turn" if output is not None else transcript.stopped_early or "tool_use"
    message = _ENCODER.encode(
        {
            "type": "message",
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop_reason,
            "claude": {"exit_code": exit_code, "results": len(transcript.results)}
            | {name: result[name] for name in _KEPT if name in result},
        }
    )
    return str(message)


def _structured_output(result: Mapping[str, Any], exit_code: int | None) -> Mapping[str, Any] | None:
    """The output of a good result; whether it fits the rubric is judged later, item by item."""
    output, turns = result.get("structured_output"), result.get("num_turns")
    good = (
        exit_code == 0
        and result.get("is_error") is False
        and result.get("subtype") == "success"
        and isinstance(turns, int)
        and turns >= 1
        and isinstance(output, dict)
    )
    return output if good else None
