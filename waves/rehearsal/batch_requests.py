"""The requests of a batch: read when it is created, and processed one by one, as any other request would be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from waves.rehearsal import replies
from waves.rehearsal.faults import STATUS_FAULTS, Dice, FaultPlan, plan_faults
from waves.rehearsal.protocol import ParsedRequest, ProtocolError, parse_json, read_request, refuse_longer_answer
from waves.rehearsal.record import Turn
from waves.rehearsal.scenarios import Scenario

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_REQUESTS = 100_000
_MOST_BYTES = 256 * 1024 * 1024
_WITHOUT_AN_ANSWER = {"huge_body", "endless_body", "reset", "html"}

Kind = Literal["succeeded", "errored", "canceled", "expired"]


def read_batch(body: bytes) -> list[tuple[str, Mapping[str, Any]]]:
    if len(body) > _MOST_BYTES:
        raise ProtocolError(413, "The batch exceeds the maximum size")
    requests = parse_json(body).get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= _MOST_REQUESTS:
        raise ProtocolError(400, f"requests: must be a list of 1 to {_MOST_REQUESTS}")
    entries = []
    for request in requests:
        custom_id = request.get("custom_id") if isinstance(request, dict) else None
        if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
            raise ProtocolError(400, "requests.custom_id: must be 1 to 64 letters, digits, dashes or underscores")
        if not isinstance(request.get("params"), dict):
            raise ProtocolError(400, "requests.params: Field required")
        entries.append((custom_id, request["params"]))
    if len({custom_id for custom_id, _ in entries}) < len(entries):
        raise ProtocolError(400, "requests.custom_id: must be unique")
    return entries


def process(
    scenario: Scenario,
    parameters: Mapping[str, Any],
    turn: Turn,
    dice: Callable[[bytes], Dice],
    answer: Callable[[Turn, ParsedRequest, FaultPlan], replies.Message],
) -> tuple[Kind, Mapping[str, Any]]:
    """How a request ends, with its result. A fault of the connection (it hangs, it breaks) is an end without an answer
    here; `down` applies to the calls, and to the requests in a batch only where it names models."""
    body = json.dumps(parameters).encode()
    try:
        asked = read_request(body, "")
        refuse_longer_answer(asked, scenario.longest_answer)
    except ProtocolError as error:
        return "errored", _error(turn, error.status)
    turn.model, turn.system, turn.items = asked.model, asked.system, asked.items
    of_models = tuple(down for down in scenario.down if down.models)
    awake = scenario.model_copy(update={"down": of_models})
    decision = plan_faults(awake, dice(body), model=asked.model, items=asked.items, number=1, elapsed=0.0)
    turn.fault, turn.cause, turn.item_faults = decision.fault, decision.cause, dict(decision.items)
    if decision.fault == "hang":
        return "expired", {"type": "expired"}
    if decision.fault in STATUS_FAULTS:
        return "errored", _error(turn, int(decision.fault))
    if decision.fault in _WITHOUT_AN_ANSWER:
        return "errored", _error(turn, 500)
    if decision.fault == "empty_object":
        return "succeeded", {"type": "succeeded", "message": {}}
    return "succeeded", {
        "type": "succeeded",
        "message": json.loads(replies.message_json(answer(turn, asked, decision))),
    }


def _error(turn: Turn, status: int) -> Mapping[str, Any]:
    turn.status = status
    error = replies.error_json(status, "The scenario asks for this error", turn.request_id)
    return {"type": "errored", "error": json.loads(error)}
