"""Values that fit a JSON schema: the stand-in's answers to a request for structured output; and what providers refuse.

Pure. Tools may have more keywords than structured output. A value that cannot be made to fit becomes the schema's
plainest value (first enum value, empty text, the lower bound).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = Any
"""A value as `json.loads` gives it."""
JsonSchema = Mapping[str, Any]

_ACCEPTED = {"type", "properties", "required", "items", "enum", "const", "anyOf", "$ref", "$defs", "definitions"}
_ACCEPTED |= {"description", "title", "default", "additionalProperties", "minItems"}
_SHARED = re.compile(r"#/(\$defs|definitions)/[^/]+")
_MOST_UNIONS, _MOST_OPTIONAL = 16, 24
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_DEPTH = 12  # a schema that refers to itself ends here


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_size(value: Json) -> bool:
    return isinstance(value, int) and 0 <= value <= _LARGEST_SIZE


def _is_full_list(value: Json) -> bool:
    return isinstance(value, list) and bool(value)


def _is_type(value: Json) -> bool:
    names = [value] if isinstance(value, str) else value
    return _is_full_list(names) and all(isinstance(name, str) and name in _PYTHON_TYPES for name in names)


_LARGEST_SIZE = 10_000
_SHAPES: dict[str, Callable[[Json], bool]] = {
    "type": _is_type,
    "properties": lambda value: isinstance(value, Mapping),
    "$defs": lambda value: isinstance(value, Mapping),
    "definitions": lambda value: isinstance(value, Mapping),
    "required": lambda value: isinstance(value, list),
    "enum": _is_full_list,
    "anyOf": _is_full_list,
    "oneOf": _is_full_list,
    "minimum": _is_number,
    "maximum": _is_number,
    "minItems": _is_size,
    "maxItems": _is_size,
    "minLength": _is_size,
    "maxLength": _is_size,
}


def fit(value: Json, schema: JsonSchema, root: JsonSchema | None = None, depth: int = 0) -> Json:
    """`value` if it fits, else the nearest value that does; None as `value` gives the schema's plainest value."""
    root = schema if root is None else root
    schema = _resolve(schema, root)
    if depth > _DEPTH:
        return value
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return value if any(_same(value, word) for word in schema["enum"]) else schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _fit_branch(value, schema[word], root, depth)
    fitter = _FITTERS.get(_type_for(value, schema) or "")
    return value if fitter is None else fitter(value, schema, root, depth)


def defect(schema: Json, *, structured: bool) -> str | None:
    """The provider's objection to this schema, as one phrase; None if it would accept it. `structured` adds the limits
    of structured output, which do not apply to the input of a tool."""
    objection = _malformed(schema, structured=structured, depth=0)
    return objection or (_beyond_limits(schema) if structured else None)


def _malformed(schema: Json, *, structured: bool, depth: int) -> str | None:
    if not isinstance(schema, Mapping):
        return "a schema must be an object"
    if depth > _DEPTH:
        return "the schema is nested too deeply"
    for word, is_right in _SHAPES.items():
        if word in schema and not is_right(schema[word]):
            return f"keyword '{word}' has an invalid value"
    if structured and (objection := _refused(schema)):
        return objection
    objections = (_malformed(part, structured=structured, depth=depth + 1) for part in _inner(schema))
    return next(filter(None, objections), None)


def _inner(schema: JsonSchema) -> list[Json]:
    parts = [part for word in ("properties", "$defs", "definitions") for part in schema.get(word, {}).values()]
    return [
        *parts,
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        *([schema["items"]] if "items" in schema else ()),
    ]


def _all_parts(schema: JsonSchema) -> Iterator[JsonSchema]:
    yield schema
    for part in _inner(schema):
        yield from _all_parts(part)


def _beyond_limits(schema: JsonSchema) -> str | None:
    parts = list(_all_parts(schema))
    if sum("anyOf" in part or isinstance(part.get("type"), list) for part in parts) > _MOST_UNIONS:
        return f"more than {_MOST_UNIONS} parameters with union types"
    if (
        sum(name not in part.get("required", ()) for part in parts for name in part.get("properties", ()))
        > _MOST_OPTIONAL
    ):
        return f"more than {_MOST_OPTIONAL} optional parameters"
    references = {str(part["$ref"]) for part in parts if "$ref" in part}
    if any(name == "#" or _returns(name, schema) for name in references):
        return "recursive schemas are not supported"
    unknown = [name for name in references if not _SHARED.fullmatch(name) or not _resolve({"$ref": name}, schema)]
    return f"'$ref' {min(unknown)!r} cannot be resolved" if unknown else None


def _returns(start: str, root: JsonSchema) -> bool:
    """Whether a reference leads back to itself."""
    seen, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        parts = _all_parts(_resolve({"$ref": name}, root)) if _SHARED.fullmatch(name) else ()
        ahead += (new := {str(part["$ref"]) for part in parts if "$ref" in part} - seen)
        seen |= new
    return start in seen


def _refused(schema: JsonSchema) -> str | None:
    if refused := schema.keys() - _ACCEPTED:
        return f"keyword '{min(refused)}' is not supported"
    if schema.get("minItems", 0) > 1:
        return "keyword 'minItems' supports 0 and 1 only"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return "for 'object' type, 'additionalProperties' must be explicitly set to false"
    return None


def _same(left: Json, right: Json) -> bool:
    """Equal as JSON: in Python, true equals 1."""
    if isinstance(left, str):
        return bool(left == right)
    return bool(left == right) and json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _resolve(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    target: Json = root
    for step in reference[2:].split("/"):
        target = target.get(step, {}) if isinstance(target, Mapping) else {}
    return target if isinstance(target, Mapping) else {}


def _type_for(value: Json, schema: JsonSchema) -> str | None:
    """The type of the schema that the value already has; else null if it is allowed, else the first."""
    declared: list[str] | str | None = schema.get("type", "object" if "properties" in schema else None)
    if not isinstance(declared, list):
        return declared
    for name in declared:
        if _is_of(value, name):
            return name
    return "null" if "null" in declared else declared[0]


def _is_of(value: Json, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _PYTHON_TYPES.get(name, ()))


def _fit_branch(value: Json, branches: list[JsonSchema], root: JsonSchema, depth: int) -> Json:
    for branch in branches:
        if _same(fit(value, branch, root, depth + 1), value):
            return value
    return fit(value, branches[0], root, depth + 1)


def _fit_object(value: Json, schema: JsonSchema, root: JsonSchema, depth: int) -> Json:
    known = value if isinstance(value, Mapping) else {}
    required = schema.get("required", ())
    return {
        name: fit(known.get(name), part, root, depth + 1)
        for name, part in schema.get("properties", {}).items()
        if name in known or name in required
    }


def _fit_array(value: Json, schema: JsonSchema, root: JsonSchema, depth: int) -> Json:
    """A list of known words without a value gets the first of them: an empty list would not do if exactly one word is
    required, which a provider's schema cannot express."""
    part = _resolve(schema.get("items") or {}, root)
    words = part.get("enum")
    entries = value if isinstance(value, list) else ([words[0]] if words and value is None else [])
    if words:
        entries = [entry for entry in entries if any(_same(entry, word) for word in words)]
    fitted = [fit(entry, part, root, depth + 1) for entry in entries]
    while len(fitted) < schema.get("minItems", 0):
        fitted.append(fit(None, part, root, depth + 1))
    return fitted[: schema.get("maxItems", len(fitted))]


def _fit_text(value: Json, schema: JsonSchema, _root: JsonSchema, _depth: int) -> Json:
    text = value if isinstance(value, str) else ""
    return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), "-")


def _fit_number(value: Json, schema: JsonSchema, _root: JsonSchema, _depth: int) -> Json:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        value = 0
    value = max(value, schema.get("minimum", value))
    return min(value, schema.get("maximum", value))


def _fit_integer(value: Json, schema: JsonSchema, root: JsonSchema, depth: int) -> Json:
    return round(_fit_number(value, schema, root, depth))


_FITTERS: dict[str, Callable[[Json, JsonSchema, JsonSchema, int], Json]] = {
    "object": _fit_object,
    "array": _fit_array,
    "string": _fit_text,
    "number": _fit_number,
    "integer": _fit_integer,
    "boolean": lambda value, _schema, _root, _depth: value is True,
    "null": lambda _value, _schema, _root, _depth: None,
}
