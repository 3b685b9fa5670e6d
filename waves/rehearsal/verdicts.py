"""The content of an answer: verdicts for the requested items, in the shape of the schema, spoiled if the scenario asks
for it.

The shape of the schema decides: an object with a list of objects that have an `id` gets one verdict for each item; any
other schema gets one verdict for the whole message. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from waves.rehearsal.brain import brain_for, confidence
from waves.rehearsal.faults import ITEM_FAULTS, FaultPlan
from waves.rehearsal.protocol import ParsedRequest
from waves.rehearsal.scenarios import Fault
from waves.rehearsal.schema import JsonSchema, fit
from waves.rehearsal.usage import size, tokens

PLAIN_TEXT = "This is a rehearsal and not a language model: it labels items, and has nothing to say."

# Placeholders that survive json.dumps and are then replaced by text that no serializer would write.
_QUOTE = "\ue000\ue0f1\ue000"
_SURROGATE = "\ue000\ue0f2\ue000"
_ESCAPES = {_QUOTE: '"', _SURROGATE: "\\ud83d"}

# A forced tool is answered with text instead: an object cannot have these faults.
_ONLY_IN_TEXT: frozenset[Fault] = frozenset(
    {"truncated", "code_fence", "prose", "python_literal", "unescaped_quote", "lone_surrogate"}
)


def content(
    asked: ParsedRequest, decision: FaultPlan, *, brain: bool
) -> tuple[str | tuple[str, dict[str, object]], int, str]:
    """Text, or the name of a tool with its input; then its tokens and the stop reason."""
    if decision.fault == "refusal":
        return "", 1, "refusal"
    answer = _answer(asked, brain=brain)
    if answer is None:
        text = PLAIN_TEXT
    else:
        if decision.fault in ITEM_FAULTS:
            answer = _spoil(answer, decision.items or (("", decision.fault),), asked.schema)
        text = _render(answer, decision.fault)
    n_tokens = max(1, tokens(size(text)))
    if n_tokens > asked.max_tokens:
        return text[: asked.max_tokens * 4], asked.max_tokens, "max_tokens"
    if decision.fault == "max_tokens":
        return text, n_tokens, "max_tokens"
    faults = {decision.fault, *(fault for _, fault in decision.items)}
    if asked.tool is None or answer is None or faults & _ONLY_IN_TEXT:
        return text, n_tokens, "end_turn"
    return (asked.tool, answer), n_tokens, "tool_use"


def _answer(asked: ParsedRequest, *, brain: bool) -> dict[str, Any] | None:
    """The answer's JSON; None if neither a schema nor items ask for it."""
    if asked.schema is None:
        if not asked.items:
            return None
        return {"verdicts": [{"id": item_id, **_think(asked, given, brain)} for item_id, given in asked.items]}
    name, element = _verdict_list(asked.schema)
    if name is None:
        given = asked.items[0][1] if asked.items else asked.text
        whole: dict[str, Any] = fit(_think(asked, given, brain), asked.schema)
        return whole
    plain = None if brain else fit({}, element, asked.schema)
    verdicts = [
        {**(plain if plain is not None else fit(_think(asked, given, brain), element, asked.schema)), "id": item_id}
        for item_id, given in asked.items
    ]
    others = {} if len(asked.schema["properties"]) == 1 else fit({}, asked.schema)
    return {**others, name: verdicts}


def _spoil(answer: dict[str, Any], items: tuple[tuple[str, Fault], ...], schema: JsonSchema | None) -> dict[str, Any]:
    """The answer with the verdicts of these ids spoiled; the others are unchanged."""
    name, _ = _verdict_list(schema) if schema is not None else ("verdicts", None)
    ways = dict(items)
    if name is None:
        return _bad(answer, next(iter(ways.values()))) if ways else answer
    verdicts: list[dict[str, Any]] = []
    for verdict in answer[name]:
        match ways.get(verdict["id"]):
            case None:
                verdicts.append(verdict)
            case "missing_id":
                pass
            case "duplicate_id":
                verdicts += [verdict, dict(verdict)]
            case "foreign_id":
                verdicts.append({**verdict, "id": f"{verdict['id']}-of-somebody-else"})
            case fault:
                verdicts.append(_bad(verdict, fault))
    return {**answer, name: verdicts}


def _render(answer: dict[str, Any], fault: Fault | None) -> str:
    """The answer as the text that a model would send, spoiled as a whole if the fault is of that kind."""
    text = json.dumps(answer, ensure_ascii=False)
    for placeholder, raw in _ESCAPES.items():
        text = text.replace(placeholder, raw)
    match fault:
        case "code_fence":
            return f"```json\n{text}\n```"
        case "prose":
            return f"Here are the verdicts:\n\n{text}\n\nLet me know if you need anything else."
        case "python_literal":
            return repr(answer)
        case "truncated" | "max_tokens":
            return text[: len(text) * 2 // 3]
        case _:
            return text


def _think(asked: ParsedRequest, given: object, brain: bool) -> Mapping[str, Any]:
    if not brain:
        return {}
    guess = brain_for(asked.system).guess(given)
    return {**guess.output, "confidence": confidence(guess.similarity)}


def _verdict_list(schema: JsonSchema) -> tuple[str | None, JsonSchema]:
    for name, part in schema.get("properties", {}).items():
        element = part.get("items") if isinstance(part, Mapping) else None
        if isinstance(element, Mapping) and "$ref" in element:
            element = schema.get("$defs", {}).get(str(element["$ref"]).rpartition("/")[2])
        if isinstance(element, Mapping) and "id" in element.get("properties", {}):
            return name, element
    return None, schema


def _bad(verdict: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """One verdict with its first text, or text in a list, changed; its id stays."""
    for name, value in verdict.items():
        if name == "id":
            continue
        if isinstance(value, str):
            return {**verdict, name: _bad_text(value, fault)}
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return {**verdict, name: [_bad_text(value[0] if value else "none", fault), *value[1:]]}
    return {**verdict, "unasked": _bad_text("text", fault)}


def _bad_text(value: str, fault: Fault) -> str:
    middle = len(value) // 2
    head, tail = value[:middle], value[middle:]
    match fault:
        case "label_case":
            return value.upper() if value.upper() != value else value.lower()
        case "unknown_label":
            return f"{value}-of-no-list"
        case "unescaped_quote":
            return f"{head}„{_QUOTE}{tail}"
        case "lone_surrogate":
            return f"{head}{_SURROGATE}{tail}"
        case "nul":
            return f"{head}\0{tail}"
        case _:
            return value
