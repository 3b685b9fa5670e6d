"""YAML that people write → validated values. Every defect is a ConfigurationError that names file, line and key.

YAML is loaded safely; anchors, duplicate keys, keys that are not text and files over 1 MB are refused. Unknown keys are
errors that name the known ones. The models are pydantic's, used at this edge and nowhere inside.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

from waves.errors import ConfigurationError

if TYPE_CHECKING:
    import yaml
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

MAX_BYTES = 1_000_000
TEXT_TAG = "tag:yaml.org,2002:str"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that neither PostgreSQL nor a path can hold."""
_MAPPING = "a mapping of keys is required here"
_PLAIN_WORDS = {
    **dict.fromkeys(("model_type", "dict_type", "dataclass_type"), _MAPPING),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "A whole number is required"),
    **dict.fromkeys(("float_type", "float_parsing"), "A number is required"),
}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9]\d*)\.\d+(?:[eE][-+]?\d+)?")
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}

Model = TypeVar("Model", bound="BaseModel")
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping as plain values, with the line (from 1) of each key path for messages."""

    where: Path
    data: dict[str, Any]
    lines: dict[Loc, int]
    first_line: int = 1

    def written(self, loc: Loc) -> Loc:
        """The longest part of the path, from its beginning, that stands in the file."""
        return next((loc[:length] for length in range(len(loc), 0, -1) if loc[:length] in self.lines), ())

    def place(self, loc: Loc) -> str:
        """`file:line` of the deepest part of the path that stands in the file."""
        return f"{self.where}:{self.lines.get(self.written(loc), self.first_line)}"


def read_text(path: Path) -> str:
    """The file as text, universal newlines untouched."""
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_BYTES} bytes", "Is this the right file?")
        if b"\0" in raw:
            line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
            raise ConfigurationError(f"{path}:{line}: the character U+0000 is refused", "Save it as plain UTF-8 text.")
        return raw.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", "Check the path and its rights.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 (byte {error.start})", "Save it as UTF-8 without a byte order mark."
        ) from error


def parse(
    text: str, where: Path, *, first_line: int = 1, parse_float: Callable[[str], object] | None = None
) -> Document:
    """`text` as one YAML mapping; `first_line` is the line of `where` on which it begins. `parse_float` reads decimals,
    as in `json.loads`."""
    import yaml

    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
                line = token.start_mark.line + first_line
                raise ConfigurationError(f"{where}:{line}: anchors and aliases are refused", "Write the value out.")
        loader = _loader(text, parse_float)
        node = loader.get_single_node()
        lines: dict[Loc, int] = {}
        _note_lines(node, (), lines, where, first_line)
        data = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
        line = _line_of(error, text) + first_line
        raise ConfigurationError(f"{where}:{line}: {problem}", "Fix the YAML at this line.") from error
    except RecursionError:
        raise ConfigurationError(f"{where}:{first_line}: nested too deeply", "Is this the right file?") from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: a value cannot be read: {error}", "Quote it if it is text.") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{where}:{first_line}: {_MAPPING}", "Write `key: value` lines.")
    return Document(where, data, lines, first_line)


def _loader(text: str, parse_float: Callable[[str], object] | None) -> yaml.SafeLoader:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML writes numbers in more ways than JSON does: those that are no decimals of JSON are read as always."""

        def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - what `parse_float` gives
            written = str(node.value)
            if parse_float is None or not _DECIMAL.fullmatch(written):
                return super().construct_yaml_float(node)
            return parse_float(written)

    Loader.add_constructor("tag:yaml.org,2002:float", Loader.construct_yaml_float)
    return Loader(text)


def _line_of(error: yaml.YAMLError, text: str) -> int:
    """The line, from 0, at which YAML stopped; for a character that it refuses it gives a position only."""
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) if mark else text.count("\n", 0, getattr(error, "position", None) or 0)


def _note_lines(node: yaml.Node | None, loc: Loc, lines: dict[Loc, int], where: Path, first_line: int) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*loc, str(key.value))
            line = key.start_mark.line + first_line
            if key.tag != TEXT_TAG:
                raise ConfigurationError(f"{where}:{line}: YAML does not read a key as text", "Put the key in quotes.")
            if path in lines:
                raise ConfigurationError(f"{where}:{line}: key {key.value!r} stands twice", "Keep one of the two.")
            lines[path] = line
            _note_lines(value, path, lines, where, first_line)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*loc, index)] = value.start_mark.line + first_line
            _note_lines(value, (*loc, index), lines, where, first_line)
    elif isinstance(node, yaml.ScalarNode) and UNSTORABLE.search(node.value):
        line = node.start_mark.line + first_line
        raise ConfigurationError(f"{where}:{line}: a value holds U+0000 or half a character", "Remove it.")


def validate(model: type[Model], document: Document) -> Model:
    """The document as `model`; the first defect as a ConfigurationError."""
    from pydantic import ValidationError

    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise _explain(model, document, error.errors(include_url=False)[0]) from None


def _explain(model: type[BaseModel], document: Document, defect: ErrorDetails) -> ConfigurationError:
    loc: Loc = defect["loc"]
    place = document.place(loc)
    if defect["type"] in _UNKNOWN_KEY:
        known = ", ".join(_known_keys(model, loc[:-1]))
        return ConfigurationError(f"{place}: unknown key {_named(loc)!r}", f"Known here: {known}.")
    if defect["type"] == "missing":
        return ConfigurationError(
            f"{place}: key {_named(loc)!r} is missing", "Add it; docs/design.md shows a complete file."
        )
    message = in_words(defect)
    name = _named(document.written(loc))
    return ConfigurationError(f"{place}: {name}: {message}" if name else f"{place}: {message}", "Correct it there.")


def in_words(defect: ErrorDetails) -> str:
    """What is wrong with a value, as the end of a sentence."""
    text = _PLAIN_WORDS.get(defect["type"], defect["msg"]).removeprefix("Value error, ")
    return f"{text[0].lower()}{text[1:]}"


def _named(loc: Loc) -> str:
    return ".".join(str(part) for part in loc)


def _known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    current: Any = model
    for part in loc:
        current = _inside(current, part)
    return sorted(name for option in _options(current) for name in _keys(option))


def _keys(model: Any) -> list[str]:  # noqa: ANN401 - an annotation may be anything
    if is_dataclass(model):
        return [field.name for field in fields(model)]
    return [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]


def _inside(annotation: Any, part: str | int) -> Any:  # noqa: ANN401 - annotations may be anything
    """The annotation of what stands under `part` in a model, a dict or a list."""
    for option in _options(annotation):
        if part in getattr(option, "model_fields", {}):
            return option.model_fields[part].annotation
        if get_origin(option) in (dict, list):
            return get_args(option)[-1]
    return None


def _options(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as above
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
