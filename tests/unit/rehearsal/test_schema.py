"""Any value is fitted to a schema; what providers refuse is named."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.rehearsal.schema import defect, fit

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 2, "maxLength": 3},
        {"type": "integer"},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["red", "green"]},
        {"const": 7},
        {"$ref": "#/$defs/colour"},
    ]
)


def objects(part: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    properties = {"a": part, "b": other}
    return {"type": "object", "properties": properties, "required": ["a"], "additionalProperties": False}


schemas = st.recursive(
    leaves,
    lambda inner: (
        st.builds(objects, inner, inner)
        | st.builds(lambda part: {"type": "array", "items": part, "minItems": 1, "maxItems": 2}, inner)
        | st.builds(lambda part, other: {"anyOf": [part, other]}, inner, inner)
    ),
    max_leaves=5,
)


@given(json_values, schemas)
def test_whatever_is_fitted_is_valid(value: Any, schema: dict[str, Any]) -> None:
    schema = {**schema, "$defs": {"colour": {"enum": ["blue"]}}}
    jsonschema_rs.validate(schema, fit(value, schema))


@given(json_values, schemas)
def test_what_fits_already_stays(value: Any, schema: dict[str, Any]) -> None:
    schema = {**schema, "$defs": {"colour": {"enum": ["blue"]}}}
    fitted = fit(value, schema)
    assert fit(fitted, schema) == fitted


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]}
    assert isinstance(fit(None, schema), dict)
    assert fit(1, {"anyOf": [{"$ref": "#"}]}) == 1


def test_unknown_words_are_dropped_from_a_list_and_an_empty_list_stays_empty() -> None:
    schema = {"type": "array", "items": {"enum": ["red", "green"]}}
    assert fit(["blue", "green"], schema) == ["green"]
    assert fit([], schema) == []


def test_a_list_of_words_without_a_value_gets_the_first_word() -> None:
    assert fit(None, {"type": "array", "items": {"enum": ["red", "green"]}}) == ["red"]


@pytest.mark.parametrize(
    ("schema", "objection"),
    [
        ({"type": "object"}, "additionalProperties"),
        ({"type": "array", "items": {"type": "string", "minLength": 1}}, "minLength"),
        ({"anyOf": [{"type": "number", "maximum": 1}]}, "maximum"),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, "oneOf"),
        ({"allOf": [{"type": "string"}]}, "allOf"),
        ({"type": "string", "format": "date"}, "format"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "uniqueItems"),
        ({"anyOf": [{"type": ["string", "null"]}] * 16}, "more than 16 parameters with union types"),
        (
            {
                "type": "object",
                "properties": {f"a{n}": {"type": "string"} for n in range(25)},
                "additionalProperties": False,
            },
            "more than 24 optional",
        ),
        ({"$ref": "#"}, "recursive"),
        (
            {
                "$ref": "#/$defs/x",
                "$defs": {"x": {"anyOf": [{"$ref": "#/definitions/y"}]}},
                "definitions": {"y": {"$ref": "#/$defs/x"}},
            },
            "recursive",
        ),
        ({"$ref": "#/$defs/x"}, "'#/$defs/x' cannot be resolved"),
        ({"$ref": "#/properties/a"}, "cannot be resolved"),
        ({"type": "array", "minItems": 2, "items": {}}, "minItems"),
        ({"$defs": {"x": {"type": "array", "maxItems": 1}}}, "maxItems"),
        ({"type": "object", "additionalProperties": False, "properties": {"a": {"type": "object"}}}, "additional"),
    ],
)
def test_what_providers_refuse_is_named(schema: dict[str, Any], objection: str) -> None:
    assert objection in str(defect(schema, structured=True))


def test_a_property_may_have_the_name_of_a_refused_keyword() -> None:
    schema = {"type": "object", "additionalProperties": False, "properties": {"maximum": {"type": "number"}}}
    assert defect(schema, structured=True) is None


def test_shared_definitions_are_accepted() -> None:
    shared = {"x": {"type": "string"}}
    schema = {"anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/definitions/x"}], "$defs": shared, "definitions": shared}
    assert defect(schema, structured=True) is None


def test_the_input_of_a_tool_may_have_bounds() -> None:
    assert defect({"type": "object", "properties": {"a": {"type": "number", "maximum": 1}}}, structured=False) is None


@given(
    st.dictionaries(st.sampled_from(["type", "properties", "items", "enum", "anyOf", "minItems", "$ref"]), json_values)
)
def test_a_schema_without_defect_can_be_fitted(schema: dict[str, Any]) -> None:
    defect(schema, structured=True)
    if defect(schema, structured=False) is None:
        fit(None, schema)
