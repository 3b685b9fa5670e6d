"""YAML that people write: any defect is reported with file, line and key, and never crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from waves.config import document
from waves.errors import ConfigurationError

WHERE = Path("waves.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=1)
    name: str | None = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner | None = None
    many: dict[str, Inner] = {}
    row: list[Inner] = []
    other: int = Field(default=0, alias="else")


def refused(text: str, first_line: int = 1) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as raised:
        document.validate(Outer, document.parse(text, WHERE, first_line=first_line))
    assert raised.value.exit_code == 78
    assert "\n" not in raised.value.message + raised.value.hint
    assert raised.value.hint
    return raised.value


def test_a_mapping_comes_with_the_line_of_each_key() -> None:
    parsed = document.parse("a: 1\nb:\n  c: [x,\n      y]\n", WHERE, first_line=5)
    assert parsed.data == {"a": 1, "b": {"c": ["x", "y"]}}
    assert parsed.place(("b", "c")) == "waves.yaml:7"
    assert parsed.place(("b", "c", 1)) == "waves.yaml:8"
    assert parsed.place(("b", "nowhere", "at", "all")) == "waves.yaml:6"
    assert parsed.place(()) == "waves.yaml:5"


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert document.parse("# nothing yet\n", WHERE).data == {}


@pytest.mark.parametrize(
    ("text", "place", "key", "known"),
    [
        ("inner:\n  size: 1\n  sice: 2\n", 3, "inner.sice", "name, size"),
        ("mani: {}\n", 1, "mani", "else, inner, many, row"),
        ("many:\n  a: {size: 1}\n  inner:\n    size: 1\n    nam: x\n", 5, "many.inner.nam", "name, size"),
        ("row:\n  - size: 1\n  - size: 1\n    nam: x\n", 4, "row.1.nam", "name, size"),
        ("other: 1\n", 1, "other", "else, inner, many, row"),
        ("'': 1\n", 1, "", "else, inner, many, row"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_known_ones(text: str, place: int, key: str, known: str) -> None:
    fault = refused(text)
    assert fault.message == f"waves.yaml:{place}: unknown key {key!r}"
    assert fault.hint == f"Known here: {known}."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inner:\n  name: x\n", "waves.yaml:1: key 'inner.size' is missing"),
        ("inner:\n  size: ten\n", "waves.yaml:2: inner.size: a whole number is required"),
        ("inner:\n  size: 0\n", "waves.yaml:2: inner.size: input should be greater than or equal to 1"),
        ("inner: 5\n", "waves.yaml:1: inner: a mapping of keys is required here"),
        ("many: [1]\n", "waves.yaml:1: many: a mapping of keys is required here"),
        ("- a\n- b\n", "waves.yaml:1: a mapping of keys is required here"),
        ("inner:\n  size: 1\n  size: 2\n", "waves.yaml:3: key 'size' stands twice"),
        ("inner: &x {size: 1}\n", "waves.yaml:1: anchors and aliases are refused"),
        ("many:\n  a: {size: 1}\n  b: *a\n", "waves.yaml:3: anchors and aliases are refused"),
        ("<<: {other: 1}\n", "waves.yaml:1: YAML does not read a key as text"),
        ("many:\n  on: {size: 1}\n", "waves.yaml:2: YAML does not read a key as text"),
        ("many:\n  1: {size: 1}\n", "waves.yaml:2: YAML does not read a key as text"),
        ("? [a, b]\n: c\n", "waves.yaml:1: YAML does not read a key as text"),
        ("inner: {size: 1\n", "waves.yaml:2: "),
        ("\tinner: 1\n", "waves.yaml:1: "),
        ("else: 1\n---\nelse: 2\n", "waves.yaml:2: "),
        ("else: 1\ninner: \x07\n", "waves.yaml:2: special characters are not allowed"),
        ('else: 1\ninner: {name: "a\\0b"}\n', "waves.yaml:2: a value holds U+0000 or half a character"),
        ('else: 1\ninner: {name: "\\ud800"}\n', "waves.yaml:2: a value holds U+0000 or half a character"),
        ("inner: !!python/object/apply:os.system [x]\n", "waves.yaml:1: could not determine a constructor"),
        ("else: 2026-13-45\n", "waves.yaml: a value cannot be read"),
        ("row: " + "[" * 600, "waves.yaml:1: nested too deeply"),
    ],
)
def test_a_defect_is_one_line_with_its_place(text: str, message: str) -> None:
    assert refused(text).message.startswith(message)


def test_lines_count_from_where_the_yaml_begins() -> None:
    assert refused("else: 1\ninner: 5\n", first_line=2).message.startswith("waves.yaml:3: inner")


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waves.yaml"
    for content, problem in (
        ("database: embedded".encode("utf-16-be"), "the character U+0000"),
        (b"database: \xff\xfe", "is not UTF-8 (byte 10)"),
        (b"ok: 1\nname: a\x00b", ":2: the character U+0000 is refused"),
        (b"#" * (document.MAX_BYTES + 1), "is larger than 1000000 bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError) as raised:
            document.read_text(path)
        assert problem in raised.value.message
        assert str(path) in raised.value.message


def test_text_is_read_with_its_line_ends_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "v1.md"
    path.write_bytes(b"a\r\nb\rc\n")
    assert document.read_text(path) == "a\r\nb\rc\n"


@pytest.mark.parametrize("make", [Path.mkdir, Path.exists])
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, make: object) -> None:
    path = tmp_path / "theme.yaml"
    make(path)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=r"cannot read .*theme\.yaml: "):
        document.read_text(path)


@given(st.text(alphabet=st.sampled_from("ab: \n-[]{}&*!|>'\"#%@`?,\t0\r\x00\ud800"), max_size=40))
def test_any_text_is_a_document_or_a_configuration_error(text: str) -> None:
    try:
        document.parse(text, WHERE)
    except ConfigurationError as raised:
        fault: ConfigurationError | None = raised
    else:
        fault = None
    assert fault is None or fault.message.startswith("waves.yaml:")
