"""The JSON schema of a verdict: derived from labels, as providers accept it in a request for structured output, and as
the system prompt states it.

Keywords that providers do not know (ranges, lengths, patterns …) are left out of the request. They are stated in the
prompt, because many servers ignore the schema of a request, and checked after the answer has arrived.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = dict[str, Any]
_Keeps = Callable[[str, Mapping[str, Any]], bool]
"""Whether a keyword stays, given the schema that it stands in."""

WIRE_KEYWORDS = {"type", "properties", "required", "items", "enum", "const", "anyOf", "description", "title", "$ref"}
"""The keywords that providers accept in a structured-output schema."""
SHARED = ("$defs", "definitions")
"""Where schemas stand to which a `$ref` refers: at the root."""
_SHARED_SCHEMA = re.compile(rf"#/({'|'.join(map(re.escape, SHARED))})/[^/%]+")
_CONDITION = "-as-condition"
"""Ends the name of a shared schema that is a condition on an answer, not a part of it."""
_VALUES = {"$ref", "enum", "const", "default", "examples"}
"""Keywords that hold values, not schemas."""


def of_labels(labels: tuple[str, ...], *, multi: bool) -> Schema:
    """The schema of one verdict about labels: exactly one, or with `multi` any number of them, and the confidence."""
    chosen: Schema = {"type": "array", "items": {"type": "string", "enum": list(labels)}, "uniqueItems": True}
    if not multi:
        chosen |= {"minItems": 1, "maxItems": 1}
    confidence = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "properties": {"labels": chosen, "confidence": confidence},
        "required": ["labels", "confidence"],
        "additionalProperties": False,
    }


def with_bounded_confidence(schema: Schema) -> Schema:
    """The schema with the bounds 0 and 1 for a field `confidence`: it is stored as a number between them."""
    confidence = schema["properties"].get("confidence")
    if not isinstance(confidence, dict):
        return schema
    bounded = confidence | {key: confidence.get(key, bound) for key, bound in (("minimum", 0), ("maximum", 1))}
    return {**schema, "properties": {**schema["properties"], "confidence": bounded}}


def on_the_wire(schema: Mapping[str, Any]) -> Schema:
    """The schema of a whole answer `{"verdicts": [{"id": …, …fields}]}`, in the keywords that providers accept."""
    return _of_an_answer(schema, _is_sent)


def as_stated(schema: Mapping[str, Any]) -> Schema:
    """As `on_the_wire`, with all keywords. A shared schema that is a condition is stated a second time, not closed."""
    answer = _of_an_answer(schema, lambda _key, _beside: True)
    verdict = answer["properties"]["verdicts"]["items"]
    for key in ("minProperties", "maxProperties"):
        if key in verdict:
            verdict[key] += 1  # the id
    if "propertyNames" in verdict:
        verdict["propertyNames"] = {"anyOf": [{"const": "id"}, verdict["propertyNames"]]}
    ahead = list(_conditions(answer))
    while ahead:
        _, key, name = ahead.pop().replace("~1", "/").replace("~0", "~").split("/", 2)
        shared = answer.setdefault(key, {})
        if name not in shared:
            shared[name] = _as_condition(schema.get(key, {}).get(name.removesuffix(_CONDITION), True))
            ahead += _conditions(shared[name])
    return answer


def _is_sent(key: str, beside: Mapping[str, Any]) -> bool:
    """Options beside `properties` are about the same object: closed on their own, none of them could be met."""
    return key in WIRE_KEYWORDS and not (key == "anyOf" and "properties" in beside)


def _of_an_answer(schema: Mapping[str, Any], keeps: _Keeps) -> Schema:
    verdict = _closed(schema, keeps)
    verdict["properties"] = {"id": {"type": "string"}, **verdict["properties"]}
    verdict["required"] = list(verdict["properties"])
    answer: Schema = {"type": "object", "properties": {"verdicts": {"type": "array", "items": verdict}}}
    answer |= {"required": ["verdicts"], "additionalProperties": False}
    for key in SHARED:  # a `$ref` starts at the root, and the root is the answer
        if key in schema:
            answer[key] = {name: _closed(inner, keeps) for name, inner in schema[key].items()}
    return answer


def of_any_values(schema: Mapping[str, Any]) -> Schema:
    """A wire schema that accepts any value of the right type: only objects, keys and lists are still checked."""
    kept: Schema = {}
    for key, value in schema.items():
        if key in {"properties", *SHARED}:
            kept[key] = {name: of_any_values(inner) for name, inner in value.items()}
        elif key == "items":
            kept[key] = of_any_values(value)
        elif key == "anyOf":
            kept[key] = [of_any_values(inner) for inner in value]
        elif key not in {"enum", "const"}:
            kept[key] = value
    return kept


def _closed(schema: Mapping[str, Any] | bool, keeps: _Keeps) -> Schema:
    """`schema` with the keywords that `keeps` accepts, its objects closed and all of their fields required. Providers
    do not accept `oneOf`; without it they get its options as `anyOf`."""
    kept: Schema = {}
    schema = schema if isinstance(schema, Mapping) else {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: _closed(inner, keeps) for name, inner in value.items()}
        elif key == "items":
            kept[key] = _closed(value, keeps)
        elif key in {"anyOf", "oneOf"} and "properties" not in schema:
            kept[key if keeps(key, schema) else "anyOf"] = [_closed(inner, keeps) for inner in value]
        elif key not in SHARED and keeps(key, schema):
            kept[key] = value if key in _VALUES else _as_condition(value)
    if "properties" in kept:
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    return kept


def _as_condition(value: object) -> object:
    """`value` with references to shared schemas as conditions: those are not closed, because they name only the fields
    that they are about."""
    if isinstance(value, list):
        return [_as_condition(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: inner if key in _VALUES else _as_condition(inner) for key, inner in value.items()}
    if _is_shared(kept.get("$ref")):
        kept["$ref"] = f"{kept['$ref']}{_CONDITION}"
    return kept


def _conditions(value: object) -> Iterator[str]:
    """The references in `value` to shared schemas as conditions."""
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str) and _is_shared(target) and target.endswith(_CONDITION):
            yield target
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _conditions(inner)


def _is_shared(target: object) -> bool:
    return isinstance(target, str) and _SHARED_SCHEMA.fullmatch(target) is not None
