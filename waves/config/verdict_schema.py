"""The JSON schema of a verdict: derived from labels, and as providers accept it in a request for structured output.

Keywords that providers do not know (ranges, lengths, patterns …) are left out of the request and checked here, after
the answer has arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

WIRE_KEYWORDS = {"type", "properties", "required", "items", "enum", "const", "anyOf", "description", "title", "$ref"}
"""The keywords that providers accept in a structured-output schema."""


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


def on_the_wire(schema: Mapping[str, Any]) -> Schema:
    """The schema of a whole answer `{"verdicts": [{"id": …, …fields}]}`, in the keywords that providers accept."""
    verdict = _accepted_by_providers(schema)
    shared = {name: _accepted_by_providers(inner) for name, inner in schema.get("$defs", {}).items()}
    verdict["properties"] = {"id": {"type": "string"}, **verdict["properties"]}
    verdict["required"] = list(verdict["properties"])
    answer: Schema = {"type": "object", "properties": {"verdicts": {"type": "array", "items": verdict}}}
    # a `$ref` starts at the root, and the root is the answer
    return answer | {"required": ["verdicts"], "additionalProperties": False} | ({"$defs": shared} if shared else {})


def of_any_values(schema: Mapping[str, Any]) -> Schema:
    """A wire schema that accepts any value of the right type: only objects, keys and lists are still checked."""
    kept: Schema = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            kept[key] = {name: of_any_values(inner) for name, inner in value.items()}
        elif key == "items":
            kept[key] = of_any_values(value)
        elif key == "anyOf":
            kept[key] = [of_any_values(inner) for inner in value]
        elif key not in {"enum", "const"}:
            kept[key] = value
    return kept


def _accepted_by_providers(schema: Mapping[str, Any] | bool) -> Schema:
    """`schema` without the keywords that only this program checks; objects closed, all of their fields required."""
    kept: Schema = {}
    for key, value in {} if isinstance(schema, bool) else schema.items():
        if key == "properties":
            kept[key] = {name: _accepted_by_providers(inner) for name, inner in value.items()}
        elif key == "items":
            kept[key] = _accepted_by_providers(value)
        elif key == "anyOf":
            kept[key] = [_accepted_by_providers(inner) for inner in value]
        elif key in WIRE_KEYWORDS:
            kept[key] = value
    if "properties" in kept:
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    return kept
