"""A rubric file: its version is its bytes, its examples hold, and what goes to a provider is what providers accept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.backends.prompt import Prompt, document
from waves.config import rubric
from waves.config.verdict_schema import WIRE_KEYWORDS
from waves.errors import ConfigurationError
from waves.outcomes import Ask
from waves.rehearsal.schema import defect, fit

WHERE = Path("v1.md")
HEAD = "---\nkind: classify\nlabels: {yes please: wants, 'no': does not}\n---\nJudge.\n"
FIELDS = ("properties", "$defs", "definitions")


def example(output: object, given: object = None, count: int = 2) -> str:
    blocks = [json.dumps(given or {"content": "Hi"}), output if isinstance(output, str) else json.dumps(output)]
    fenced = [f"```json\n{block}\n```\n" for block in (blocks * 2)[:count]]
    return "\n### Example\n\n" + "\n".join(fenced)


def extract(schema: str) -> str:
    return f"---\nkind: extract\nschema: {schema}\n---\nExtract.\n"


def parse(text: str) -> rubric.Rubric:
    return rubric.parse(text, "v1", WHERE)


def refused(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as raised:
        parse(text)
    assert raised.value.exit_code == 78
    assert "\n" not in raised.value.message
    return raised.value


# --- the version ----------------------------------------------------------------------------------------------------


def test_the_version_is_the_stem_and_seven_digits_of_the_bytes(tmp_path: Path) -> None:
    raw = ("\ufeff" + HEAD + "é😀\r\n" + example({"labels": ["no"], "confidence": 1})).encode()
    (tmp_path / "v12.md").write_bytes(raw)
    parsed = rubric.newest(tmp_path)
    assert parsed.version == f"v12-{hashlib.sha256(raw).hexdigest()[:7]}"
    assert parsed.text.encode() == raw


@given(st.data())
def test_one_changed_character_is_another_version(data: st.DataObject) -> None:
    text = HEAD + "The prompt, and a word more."
    at = data.draw(st.integers(len(HEAD), len(text) - 1))
    other = data.draw(st.characters(exclude_characters=text[at], categories=["L", "N", "P", "S", "Z"]))
    assert rubric.version_of(text[:at] + other + text[at + 1 :], "v1") != rubric.version_of(text, "v1")


def test_the_highest_number_is_the_newest_file(tmp_path: Path) -> None:
    for name in ("v2.md", "v10.md", "v9.md", "v1.md", "v11.txt", "vx.md", "v3-old.md", "V99.md"):
        (tmp_path / name).write_text(HEAD, "utf-8")
    assert [path.name for path in rubric.files(tmp_path)] == ["v1.md", "v2.md", "v9.md", "v10.md"]
    assert rubric.newest(tmp_path).version.startswith("v10-")


def test_a_theme_without_a_rubric_is_told_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no rubric in") as raised:
        rubric.newest(tmp_path)
    assert "v1.md" in raised.value.hint


# --- the front matter -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Judge.\n", "v1.md:1: no front matter"),
        ("", "v1.md:1: no front matter"),
        ("---\nkind: classify\n", "v1.md:1: no front matter"),
        ("---\n---\nJudge.\n", "v1.md:2: key 'kind' is missing"),
        ("---\n- a\n---\nJudge.\n", "v1.md:2: a mapping of keys is required here"),
        ("---\nkind: classify\nlabels: {a: b}\n---\n \n\n", "v1.md: the prompt is empty"),
        ("---\nkind: classify\n---\nJudge.\n", "v1.md:2: a rubric that classifies needs `labels"),
        ("---\nkind: guess\n---\nJudge.\n", "v1.md:2: kind: "),
        ("---\nkind: classify\nlabels: {}\n---\nJudge.\n", "v1.md:3: labels: no label"),
        ("---\nkind: classify\nlabels: [a, b]\n---\nJudge.\n", "v1.md:3: labels: a mapping of keys"),
        ("---\nkind: classify\nlabels: {a: }\n---\nJudge.\n", "v1.md:3: labels.a: "),
        ("---\nkind: classify\nlabels:\n  a: x\n  b: y\n  a: z\n---\nJudge.\n", "v1.md:6: key 'a' stands twice"),
        (
            "---\nkind: classify\nlabels: {Straße: x, STRASSE: y}\n---\nJudge.\n",
            "v1.md:3: labels: ['STRASSE', 'Straße']",
        ),
        ("---\nkind: classify\nlabels: {'': x}\n---\nJudge.\n", "v1.md:3: labels: a label is empty"),
        ("---\nkind: classify\nlabels: {' a': x}\n---\nJudge.\n", "v1.md:3: labels: a label is empty, or has blanks"),
        ("---\nkind: classify\nlabels: {yes: x, no: y}\n---\nJudge.\n", "v1.md:3: YAML does not read a key as text"),
        ("---\nkind: classify\nlabel: {a: x}\n---\nJudge.\n", "v1.md:3: unknown key 'label'"),
        ("---\nkind: classify\nlabels: {a: x}\nschema_: {}\n---\nJudge.\n", "v1.md:4: unknown key 'schema_'"),
        (
            "---\nkind: classify\nlabels: {a: x}\nschema: {type: object, properties: {b: {}}}\n---\nJudge.\n",
            "v1.md:2: `schema` belongs to kind extract",
        ),
        ("---\nkind: classify\nlabels: {a: x}\nmax_tokens: 0\n---\nJudge.\n", "v1.md:4: max_tokens: "),
        ("---\nkind: classify\nlabels: {a: x}\neffort: huge\n---\nJudge.\n", "v1.md:4: effort: "),
        ("---\nkind: extract\n---\nExtract.\n", "v1.md:2: a rubric that extracts needs `schema`"),
        (extract("{}"), "v1.md:3: schema: it must be of type object"),
        (extract("{type: array}"), "v1.md:3: schema: it must be of type object"),
        (extract("{type: object, properties: {}}"), "v1.md:3: schema: it must be of type object"),
        (extract("{type: object, properties: {id: {type: string}}}"), "v1.md:3: schema: `id` is taken"),
        (extract("{type: object, properties: {a: string}}"), "v1.md:3: `schema` is not a JSON schema"),
        (extract("{type: object, properties: {a: {type: strin}}}"), "v1.md:3: `schema` is not a JSON schema"),
        (extract("{type: object, properties: {a: {pattern: '('}}}"), "v1.md:3: `schema` is not a JSON schema"),
        (extract("{type: object, properties: {a: {$ref: '#/$defs/x'}}}"), "v1.md:3: `schema` is not a JSON schema"),
        (extract("{type: object, properties: {a: {const: 2026-01-01}}}"), "v1.md:3: `schema` is not a JSON schema"),
        (
            "---\nkind: extract\nlabels: {a: x}\nschema: {type: object, properties: {a: {}}}\n---\nExtract.\n",
            "v1.md:2: `labels` belong to kind classify",
        ),
    ],
)
def test_a_defect_is_said_with_file_and_line(text: str, message: str) -> None:
    fault = refused(text)
    assert fault.message.startswith(message)
    if "unknown key" in message:
        assert fault.hint == "Known here: effort, kind, labels, max_tokens, multi, schema."


def test_a_schema_is_never_fetched_from_elsewhere() -> None:
    fault = refused(extract("{type: object, properties: {a: {$ref: 'http://127.0.0.1:9/x'}}}"))
    assert "it refers to http://127.0.0.1:9/x, which is outside of it" in fault.message


# --- the examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("title", ["### Example", "### Example 7: a hard one", "### Example\t"])
def test_examples_are_read_from_either_kind_of_lines(newline: str, title: str) -> None:
    given = {"content": "# not a heading\n``` nor a fence", "note": None}
    output = {"labels": ["no"], "confidence": 0.5}
    text = HEAD + example(output, given).replace("### Example", title) * 2 + "\n## After\n\n```json\n[]\n```\n"
    parsed = parse(text.replace("\n", newline))
    assert parsed.examples == (rubric.Example(given, output),) * 2


def test_decimals_of_schema_and_examples_go_to_the_model_as_they_are_written() -> None:
    schema = "{type: object, properties: {a: {type: number, enum: [0.10, 12345678901234567.89], description: x}}}"
    parsed = parse(extract(schema) + example({"a": 0.1}).replace("0.1", "0.10"))
    assert '"enum":[0.10,12345678901234567.89]' in parsed.system
    assert '"enum":[0.10,12345678901234567.89]' in Prompt(parsed, None).body(Ask("c", "m", ())).decode()
    given = parse(extract(schema) + example({"a": 0.1}, {"price": 0.1}).replace('"price": 0.1', '"price": 0.10'))
    assert '"input":{"price":0.10}' in document(Ask("c", "m", (("1", given.examples[0].input),)))


def test_a_rubric_needs_no_example() -> None:
    assert parse(HEAD + "### Examples\n\nnone\n").examples == ()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_example_has_two_blocks(count: int) -> None:
    text = (
        HEAD + example({"labels": ["no"], "confidence": 1}) + example({"labels": ["no"], "confidence": 1}, count=count)
    )
    assert refused(text).message == f"v1.md:17: an example has {count} json blocks, not 2"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("{", "an example is not JSON"),
        ("{'labels': []}", "an example is not JSON"),
        ('{"labels": ["no"], "confidence": NaN}', "NaN is not a number of JSON"),
        ('{"labels": ["\\ud800"], "confidence": 1}', "an example is not JSON"),
        ("[" * 100_000, "an example is not JSON"),
        ("[]", "an example's block is not an object"),
        ({"labels": ["maybe"], "confidence": 1}, "the output of this example breaks the schema"),
        ({"labels": ["NO"], "confidence": 1}, "the output of this example breaks the schema"),
        ({"labels": [], "confidence": 1}, "the output of this example breaks the schema"),
        ({"labels": ["no", "yes please"], "confidence": 1}, "the output of this example breaks the schema"),
        ({"labels": ["no"], "confidence": 1.1}, "the output of this example breaks the schema"),
        ({"labels": ["no"]}, "the output of this example breaks the schema"),
        ({"labels": ["no"], "confidence": 1, "more": 1}, "the output of this example breaks the schema"),
    ],
)
def test_an_example_that_does_not_hold_is_refused_with_its_line(output: object, problem: str) -> None:
    message = refused(HEAD + example(output)).message
    assert message.startswith("v1.md:7: ")
    assert problem in message


# --- schemas --------------------------------------------------------------------------------------------------------


def accepts(parsed: rubric.Rubric, output: object) -> bool:
    return jsonschema_rs.validator_for(dict(parsed.schema)).is_valid(output)


def test_multi_allows_none_and_several_but_none_twice() -> None:
    many = parse("---\nkind: classify\nmulti: true\nlabels: {a: x, b: y}\n---\nJudge.\n")
    assert accepts(many, {"labels": [], "confidence": 0})
    assert accepts(many, {"labels": ["b", "a"], "confidence": 1})
    assert not accepts(many, {"labels": ["a", "a"], "confidence": 1})
    assert many.labels == ("a", "b")


def sub_schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside, itself included."""
    yield schema
    for key, inner in schema.items():
        if key in FIELDS:
            for value in inner.values():
                yield from sub_schemas(value)
        elif key == "items":
            yield from sub_schemas(inner)
        elif key == "anyOf":
            for value in inner:
                yield from sub_schemas(value)


def schemas() -> st.SearchStrategy[Any]:
    checked_here = st.fixed_dictionaries(
        {},
        optional={"minLength": st.just(1), "pattern": st.just("^a"), "format": st.just("date"), "default": st.just(1)},
    )
    leaf = st.builds(
        lambda kind, more: {"type": kind, **more},
        st.sampled_from(["string", "number", "boolean", "null"]),
        checked_here,
    ) | st.just(True)
    names = st.sampled_from(["properties", "items", "$defs", "enum", "a", "minimum"])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(
                lambda fields: {"type": "object", "properties": fields}, st.dictionaries(names, inner, min_size=1)
            ),
            st.builds(lambda items: {"type": "array", "items": items, "maxItems": 3}, inner),
            st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=2)),
        ),
        max_leaves=6,
    )


@given(st.dictionaries(st.sampled_from(["a", "required", "items", "verdicts"]), schemas(), min_size=1))
def test_what_goes_over_the_wire_has_only_the_keywords_of_providers(fields: dict[str, Any]) -> None:
    parsed = parse(extract(json.dumps({"type": "object", "properties": fields, "minProperties": 1})))
    for inner in sub_schemas(parsed.wire_schema):
        assert set(inner) <= WIRE_KEYWORDS | {"additionalProperties", "$defs"}
        if "properties" in inner:
            assert inner["additionalProperties"] is False
            assert inner["required"] == list(inner["properties"])
    verdict = parsed.wire_schema["properties"]["verdicts"]["items"]
    assert list(verdict["properties"]) == ["id", *fields]
    assert defect(parsed.wire_schema, structured=True) is None


def test_shared_definitions_are_found_from_the_root_of_an_answer() -> None:
    parsed = parse(
        extract("{type: object, properties: {a: {$ref: '#/$defs/x'}}, $defs: {x: {type: string, minLength: 2}}}")
    )
    validator = jsonschema_rs.validator_for(dict(parsed.wire_schema))
    assert validator.is_valid({"verdicts": [{"id": "1", "a": "text"}]})
    assert not validator.is_valid({"verdicts": [{"id": "1", "a": 5}]})
    assert parsed.wire_schema["$defs"] == {"x": {"type": "string"}}
    assert not accepts(parsed, {"a": "t"})


# --- what no answer can meet ----------------------------------------------------------------------------------------


def field(schema: str, name: str = "a") -> str:
    return extract(f"\n  type: object\n  properties:\n    {name}: {schema}")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (field("{type: string, enum: [low, medium, high]}", "confidence"), 6, "`confidence` is stored as a number"),
        (field("{enum: [0.5, 5]}", "confidence"), 6, "`confidence` is stored as a number"),
        (field("{type: integer, maximum: 100}", "confidence"), 6, "`confidence` is stored as a number"),
        (field("{type: string, enum: [yes, no, unclear]}"), 6, "not of the type of the field"),
        (field("{enum: [yes, no, unclear]}"), 6, "not of the type of the field"),
        (field("{type: string, const: 5}"), 6, "not of the type of the field"),
        (field('{type: string, enum: ["caf\\u00e9", "cafe\\u0301"]}'), 6, "two encodings of Unicode"),
        (field("{type: string, minLenght: 3}"), 6, "`minLenght` is no keyword that is checked"),
        (field("\n      type: string\n      nullable: true"), 8, "`nullable` is no keyword that is checked"),
        (field("{type: string, format: colour}"), 6, "format 'colour' is not one that is checked"),
        (field("{type: string, contentEncoding: base64}"), 6, "`contentEncoding` is no keyword"),
        (field("{allOf: [{type: string}, {minLength: 2}]}"), 6, "a field without `type`"),
        (field("{not: {const: 1}}"), 6, "a field without `type`"),
        (field("{type: array, items: {minLength: 2}}"), 6, "a field without `type`"),
        (field("false"), 6, "a field without `type`"),
        (field("{type: object}"), 6, "an object without `properties`"),
        (field("{type: [object, 'null'], additionalProperties: {type: string}}"), 6, "an object without `properties`"),
        (field("{type: object, properties: {b: {type: string}}, required: [c]}"), 6, "`required` names 'c'"),
        (extract("{type: object, properties: {a: {type: string}}, required: [b]}"), 3, "`required` names 'b'"),
        (field("{type: object, properties: {b: {$ref: '#/properties/a'}}}"), 6, "`$ref` leads to no shared schema"),
        (
            extract(
                "{type: object, properties: {a: {$ref: '#/$defs/x'}}, $defs: "
                "{x: {type: object, properties: {y: {$ref: '#/$defs/y'}}}, y: {anyOf: [{$ref: '#/$defs/x'}]}}}"
            ),
            3,
            "`$ref` leads back to itself",
        ),
        (field("{type: array, items: [{type: string}]}"), 3, "`schema` is not a JSON schema"),
        (
            extract(
                "{$schema: 'http://json-schema.org/draft-07/schema#', type: object, properties: {a: {items: [{}]}}}"
            ),
            3,
            "follow the draft 2020-12",
        ),
        ("---\nkind: classify\nlabels: {Caf\u00e9: x, cafe\u0301: y}\n---\nJudge.\n", 3, "two encodings of Unicode"),
    ],
)
def test_what_no_answer_can_meet_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    fault = refused(text)
    assert fault.message.startswith(f"v1.md:{line}: ")
    assert problem in fault.message
    assert fault.hint


@pytest.mark.parametrize(
    ("schema", "output", "problem"),
    [
        (
            "{type: object, properties: {a: {type: string}, b: {type: string}}, required: [a]}",
            {"a": "x"},
            "no provider",
        ),
        ("{type: object, properties: {a: {type: string}}}", {"a": "x", "more": 1}, "no provider can answer"),
        ("{type: object, properties: {a: {type: string, format: date}}}", {"a": "1 May"}, "breaks the schema"),
        (
            "{type: object, properties: {a: {type: string}, confidence: {type: number}}}",
            {"a": "x", "confidence": 7},
            "7",
        ),
        ("{type: object, properties: {a: {type: string}}}", {"a": "nul \0 \\"}, "holds U+0000"),
    ],
)
def test_an_example_has_to_be_an_answer_that_is_sent_and_accepted(schema: str, output: object, problem: str) -> None:
    message = refused(extract(schema) + example(output)).message
    assert message.startswith("v1.md:7: ")
    assert problem in message


def test_a_field_may_be_null_where_it_is_unknown_and_a_text_may_show_an_escape() -> None:
    schema = "{type: object, properties: {a: {type: [string, 'null']}, confidence: {type: [number, 'null']}}}"
    for output in ({"a": None, "confidence": None}, {"a": "\\u0000", "confidence": 1}):
        assert parse(extract(schema) + example(output)).examples[0].output == output


@pytest.mark.parametrize(
    "schema",
    [
        "{type: [string, boolean], enum: [yes, 'no']}",
        "{enum: [1, a, null]}",
        "{type: integer, enum: [1.0]}",
        "{type: string, enum: [Park, park]}",
        "{type: string, format: date-time}",
        "{type: object, properties: {b: {type: string}}, anyOf: [{required: [b]}, {not: {required: [b]}}]}",
    ],
)
def test_what_an_answer_can_meet_is_accepted(schema: str) -> None:
    assert parse(field(schema)).schema["properties"]["a"]


def test_a_registered_rubric_is_read_although_it_would_be_refused_now() -> None:
    text = field("{type: string, enum: [yes, no, unclear]}")
    text += example({"a": "yes"})
    assert rubric.parse_registered(text, "v1", WHERE).examples


def test_options_and_definitions_reach_the_provider() -> None:
    parsed = parse(
        extract(
            "{type: object, definitions: {x: {type: string}},"
            " properties: {a: {$ref: '#/definitions/x'}, b: {oneOf: [{type: string}, {type: 'null'}]}}}"
        )
    )
    validator = jsonschema_rs.validator_for(dict(parsed.wire_schema))
    assert validator.is_valid({"verdicts": [{"id": "1", "a": "x", "b": None}]})
    assert not validator.is_valid({"verdicts": [{"id": "1", "a": 5, "b": None}]})
    assert not validator.is_valid({"verdicts": [{"id": "1", "a": "x", "b": 5}]})
    assert defect(parsed.wire_schema, structured=True) is None


def test_options_about_the_whole_object_are_stated_and_not_sent() -> None:
    parsed = parse(
        extract("{type: object, properties: {a: {type: string}, b: {type: string}}, anyOf: [{required: [a]}]}")
    )
    assert "anyOf" not in json.dumps(parsed.wire_schema)
    assert '"anyOf":[{"required":["a"]}]' in parsed.system


# --- the system prompt ----------------------------------------------------------------------------------------------


def test_the_system_prompt_holds_prompt_labels_and_examples_and_is_the_same_every_time() -> None:
    text = HEAD + example({"labels": ["no"], "confidence": 1})
    system = parse(text).system
    assert system == parse(text).system
    assert system.startswith("Judge.\n")
    assert "- `yes please`: wants" in system
    assert '{"labels": ["no"], "confidence": 1}' in system
    assert "kind: classify" not in system


def test_a_byte_order_mark_is_no_part_of_the_prompt() -> None:
    assert parse("\ufeff" + HEAD).system == parse(HEAD).system


def stated(parsed: rubric.Rubric) -> Any:
    """The schema at the end of the system prompt."""
    return json.loads(parsed.system.rpartition("\n\n")[2])


def test_a_rubric_without_examples_names_its_fields_and_their_bounds() -> None:
    parsed = parse(HEAD)
    assert '{"verdicts": [{"id": …, "labels": …, "confidence": …}, …]}' in parsed.system
    assert "Give exactly one of them." in parsed.system
    fields = stated(parsed)["properties"]["verdicts"]["items"]["properties"]
    assert fields["confidence"] == {"type": "number", "minimum": 0, "maximum": 1}
    assert {key: fields["labels"][key] for key in ("uniqueItems", "minItems", "maxItems")} == {
        "uniqueItems": True,
        "minItems": 1,
        "maxItems": 1,
    }
    assert "none twice; or none." in parse(HEAD.replace("labels:", "multi: true\nlabels:")).system


def test_every_constraint_that_is_not_sent_is_stated() -> None:
    conditions = "allOf: [{if: {properties: {b: {const: z}}}, then: {properties: {a: {type: string, minLength: 9}}}}]"
    parsed = parse(
        extract(
            "{type: object, properties: {a: {type: [string, 'null'], pattern: '^ж'}, b: {type: string, format: date}},"
            f" required: [a], {conditions}}}"
        )
    )
    verdict = stated(parsed)["properties"]["verdicts"]["items"]
    assert verdict["properties"]["a"] == {"type": ["string", "null"], "pattern": "^ж"}
    assert verdict["properties"]["b"] == {"type": "string", "format": "date"}
    assert verdict["allOf"] == [
        {"if": {"properties": {"b": {"const": "z"}}}, "then": {"properties": {"a": {"type": "string", "minLength": 9}}}}
    ]
    assert verdict["required"] == ["id", "a", "b"]
    assert "ж" in parsed.system


@given(st.dictionaries(st.sampled_from(["a", "b"]), schemas(), min_size=1))
def test_an_answer_that_is_valid_as_stated_may_be_stored(fields: dict[str, Any]) -> None:
    parsed = parse(extract(json.dumps({"type": "object", "properties": fields})))
    as_stated, as_checked = (jsonschema_rs.validator_for(dict(each)) for each in (stated(parsed), parsed.schema))
    output = fit({}, parsed.wire_schema["properties"]["verdicts"]["items"], parsed.wire_schema)
    if as_stated.is_valid({"verdicts": [{**output, "id": "1"}]}):
        assert as_checked.is_valid({name: value for name, value in output.items() if name != "id"})


_TEXT = {"type": "string"}
_IS_X = {"type": "object", "properties": {"a": {"const": "x"}}}
_NAMED = {"type": "object", "properties": {"n": {"type": "string", "minLength": 1}}}


@pytest.mark.parametrize(
    ("keywords", "valid", "invalid"),
    [
        ({"allOf": [{"$ref": "#/$defs/is_x"}], "$defs": {"is_x": _IS_X}}, {"a": "x"}, {"a": "y"}),
        (
            {"if": {"$ref": "#/$defs/is_x"}, "then": {"properties": {"b": {"const": "y"}}}, "$defs": {"is_x": _IS_X}},
            {"a": "x", "b": "y"},
            {"a": "x", "b": "z"},
        ),
        (
            {"not": {"$ref": "#/$defs/at~1x"}, "$defs": {"at/x": {"$ref": "#/$defs/is_x"}, "is_x": _IS_X}},
            {"a": "q"},
            {"a": "x"},
        ),
        (
            {"allOf": [{"properties": {"p": {"$ref": "#/$defs/named"}}}], "$defs": {"named": _NAMED}},
            {"p": {"n": "x", "m": "y"}},
            {"p": {"n": "", "m": "y"}},
        ),
        ({"minProperties": 3, "maxProperties": 3}, {}, {"c": "x"}),
        ({"propertyNames": {"maxLength": 1}}, {}, {"cc": "x"}),
    ],
)
def test_what_is_stated_of_a_condition_is_what_is_checked(
    keywords: dict[str, Any], valid: dict[str, Any], invalid: dict[str, Any]
) -> None:
    person = {"type": "object", "properties": {"n": _TEXT, "m": _TEXT}}
    fields = {"a": _TEXT, "b": _TEXT, "p": person}
    parsed = parse(extract(json.dumps({"type": "object", "properties": fields, "required": ["a"], **keywords})))
    as_stated, as_checked = (jsonschema_rs.validator_for(dict(each)) for each in (stated(parsed), parsed.schema))
    for output, fits in ((valid, True), (invalid, False)):
        whole = {"a": "a", "b": "b", "p": {"n": "n", "m": "m"}, **output}
        assert as_checked.is_valid(whole) is fits
        assert as_stated.is_valid({"verdicts": [{"id": "1", **whole}]}) is fits


def test_an_example_that_the_stated_schema_refuses_is_refused() -> None:
    schema = {"type": "object", "properties": {"a": _TEXT}, "allOf": [{"maxProperties": 1}]}
    example = '\n### Example\n\n```json\n{"content": "x"}\n```\n\n```json\n{"a": "x"}\n```\n'
    with pytest.raises(ConfigurationError, match="as the prompt states it"):
        parse(extract(json.dumps(schema)) + example)


def test_a_condition_that_leads_into_a_shared_schema_is_stated_as_it_is() -> None:
    """Only a registered rubric has one."""
    inner = {"$ref": "#/$defs/is_x/properties/a"}
    schema = {
        "type": "object",
        "properties": {"a": _TEXT},
        "not": {"properties": {"a": inner}},
        "$defs": {"is_x": _IS_X},
    }
    text = extract(json.dumps(schema))
    parsed = rubric.parse_registered(text, "v1", Path("v1.md"))
    assert stated(parsed)["properties"]["verdicts"]["items"]["not"] == schema["not"]
