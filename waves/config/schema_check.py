"""What the schema of a new rubric may not hold: a keyword that no provider gets and nobody checks, and a field that no
answer can fill. Rubrics that are registered already are not checked again: what they asked is judged as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from waves import exact_json
from waves.config.verdict_schema import SHARED, on_the_wire

Path = tuple[str | int, ...]

_OF_SCHEMAS = {"properties", *SHARED, "patternProperties", "dependentSchemas"}
_OF_ONE = {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
_OF_ONE |= {"unevaluatedItems", "unevaluatedProperties"}
_OF_A_LIST = {"anyOf", "oneOf", "allOf", "prefixItems"}
_OF_VALUES = {"type", "enum", "const", "$ref", "required", "dependentRequired", "format", "pattern", "uniqueItems"}
_OF_VALUES |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
_OF_VALUES |= {"minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties"}
_SAID = {"description", "title", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema"}
_KNOWN = _OF_SCHEMAS | _OF_ONE | _OF_A_LIST | _OF_VALUES | _SAID
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LEADS_ON = {"properties", *SHARED, "items", "anyOf", "oneOf"}
"""Keywords whose schemas an answer fills. The others hold conditions on it, and so do options beside `properties`."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float, Decimal),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_SHARED_SCHEMA = re.compile(rf"#/({'|'.join(map(re.escape, SHARED))})/[^/]+")


@dataclass(frozen=True, slots=True)
class Defect:
    """`path` leads to it from the root of the schema."""

    path: Path
    problem: str
    remedy: str


def first_defect(schema: Mapping[str, Any]) -> Defect | None:
    """The first defect of a valid JSON schema; None if it is fit for a rubric."""
    return next(_defects(schema), None)


def _defects(schema: Mapping[str, Any]) -> Iterator[Defect]:
    for path, part, filled in _parts(schema):
        yield from _unknown_keywords(part, path)
        yield from _values(part, path)
        yield from _references(schema, part, path)
        if filled:
            yield from _unanswerable(part, path)
    yield from _confidence(schema["properties"].get("confidence", {}))


def _parts(schema: object, path: Path = (), *, filled: bool = True) -> Iterator[tuple[Path, Mapping[str, Any], bool]]:
    """Every schema inside, itself first; one that is true or false as the object that says the same. The third value
    says whether an answer fills it; else it is a condition."""
    part: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {"not": {}} if schema is False else {}
    yield path, part, filled
    for key, value in part.items():
        leads_on = filled and key in _LEADS_ON and not (key in _OF_A_LIST and "properties" in part)
        if key in _OF_SCHEMAS:
            for name, inner in value.items():
                yield from _parts(inner, (*path, key, name), filled=leads_on)
        elif key in _OF_A_LIST:
            for index, inner in enumerate(value):
                yield from _parts(inner, (*path, key, index), filled=leads_on)
        elif key in _OF_ONE:
            yield from _parts(value, (*path, key), filled=leads_on)


def _unknown_keywords(part: Mapping[str, Any], path: Path) -> Iterator[Defect]:
    for key in part:
        if key not in _KNOWN:
            remedy = "Correct its name, or say in the prompt what you mean."
            yield Defect((*path, key), f"`{key}` is no keyword that is checked", remedy)
        elif key == "$schema" and str(part[key]).rstrip("#") != _DRAFT:
            yield Defect((*path, key), "schemas of rubrics follow the draft 2020-12", f"Write {_DRAFT}, or nothing.")
        elif key == "format" and not _is_checked_format(part[key]):
            remedy = "Use `pattern`, or a format of JSON schema such as date, date-time, email, uri."
            yield Defect((*path, key), f"format {part[key]!r} is not one that is checked", remedy)


def _is_checked_format(name: object) -> bool:
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for({"format": name}, validate_formats=True, ignore_unknown_formats=False)
    except (ValueError, jsonschema_rs.ValidationError):
        return False
    return True


def _values(part: Mapping[str, Any], path: Path) -> Iterator[Defect]:
    """Values that are listed and that an answer cannot give."""
    for key in ("enum", "const"):
        values = [] if key not in part else part[key] if key == "enum" else [part[key]]
        declared = part.get("type", "string" if {bool, str} <= set(map(type, values)) else None)
        for value in (value for value in values if not _is_of_type(value, declared)):
            problem = f"`{key}` holds {exact_json.dumps(value)}, which is not of the type of the field"
            remedy = "Put texts in quotes: YAML reads yes, no, on, off, null and numbers as something else."
            yield Defect((*path, key), problem, remedy)
        if (twins := alike([value for value in values if isinstance(value, str)])) is not None:
            yield Defect(
                (*path, key), f"{twins!r} stands in `{key}` in two encodings of Unicode", "Keep one of the two."
            )


def alike(texts: Sequence[str]) -> str | None:
    """A text that has a twin: both look the same and differ in how Unicode composes their characters."""
    composed = [unicodedata.normalize("NFC", text) for text in dict.fromkeys(texts)]
    return next((text for text in composed if composed.count(text) > 1), None)


def _is_of_type(value: object, declared: str | Sequence[str] | None) -> bool:
    if declared is None:
        return True
    names = [declared] if isinstance(declared, str) else declared
    if isinstance(value, bool):
        return "boolean" in names
    whole = isinstance(value, float | Decimal) and value == int(value)
    return any(isinstance(value, _TYPES[name]) or (name == "integer" and whole) for name in names)


def _references(schema: Mapping[str, Any], part: Mapping[str, Any], path: Path) -> Iterator[Defect]:
    target = part.get("$ref")
    if target is None:
        return
    if not _SHARED_SCHEMA.fullmatch(target):
        yield Defect(
            (*path, "$ref"), "`$ref` leads to no shared schema", "Put the schema under `$defs` and refer there."
        )
    elif _returns(schema, target):
        yield Defect(
            (*path, "$ref"), "`$ref` leads back to itself", "Write the levels out: providers take no recursion."
        )


def _returns(schema: Mapping[str, Any], start: str) -> bool:
    """Whether the references in a shared schema lead back to it."""
    seen, ahead = set[str](), [start]
    while ahead:
        _, key, name = ahead.pop().split("/")
        found = schema.get(key, {}).get(name.replace("~1", "/").replace("~0", "~"), {})
        targets = {part["$ref"] for _, part, _ in _parts(found) if "$ref" in part}
        if start in targets:
            return True
        new = {target for target in targets - seen if _SHARED_SCHEMA.fullmatch(target)}
        seen |= new
        ahead += new
    return False


def _unanswerable(part: Mapping[str, Any], path: Path) -> Iterator[Defect]:
    if "object" in _type_names(part) and "properties" not in part:
        yield Defect((*path, "type"), "an object without `properties`", "Name its fields: providers take no others.")
    for name in part.get("required", ()):
        if name not in part.get("properties", {}) and "properties" in part:
            yield Defect(
                (*path, "required"), f"`required` names {name!r}, which is no field", "Add it to `properties`."
            )
    sent = on_the_wire({"properties": {"field": part}})["properties"]["verdicts"]["items"]["properties"]["field"]
    if not sent.keys() - _SAID and part.keys() - _SAID - set(SHARED):
        key = next(key for key in part if key not in _SAID)
        yield Defect((*path, key), "a field without `type`: a provider gets nothing of its schema", "Add its `type`.")


def _type_names(part: Mapping[str, Any]) -> Sequence[str]:
    declared: str | Sequence[str] = part.get("type", ())
    return [declared] if isinstance(declared, str) else declared


def _confidence(field: Mapping[str, Any] | bool) -> Iterator[Defect]:
    """It is stored as a number from 0 to 1, and an answer with another value is refused."""
    if not isinstance(field, Mapping):
        return
    listed = [*field.get("enum", ()), *([field["const"]] if "const" in field else ())]
    shares = all(value is None or (_is_of_type(value, "number") and 0 <= value <= 1) for value in listed)
    numeric = set(_type_names(field)) <= {"number", "integer", "null"}
    if not (shares and numeric and field.get("minimum", 0) >= 0 and field.get("maximum", 1) <= 1):
        path = ("properties", "confidence")
        yield Defect(path, "`confidence` is stored as a number from 0 to 1", "Give it these bounds, or another name.")
