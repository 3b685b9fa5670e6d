"""The text of an answer → a Python value, by the parse ladder: strict JSON, then without the surrounding text, then as
a Python literal, then with stray quotes escaped. No rung drops or invents a character of the document, and none runs
it as code.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Callable
from typing import Literal, NoReturn

from waves.backends.answers import quote_repair
from waves.backends.answers.quote_repair import AnswerShape

Rung = Literal["strict", "fenced", "repaired"]

_LONGEST_LITERAL = 200_000
_ESCAPE = re.compile(r"\\(u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|.)", re.DOTALL)
_ALIKE = frozenset("\\\"'bfnrt")
"""Characters that mean the same after a backslash in JSON and in Python; so does `u`, except for half a character."""
_FAULTS = (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


class NotJsonError(ValueError):
    """No rung of the ladder reads this text."""


def parse_answer(text: str, shape: AnswerShape) -> tuple[object, Rung]:
    """The value and the rung that read it; `shape` is what stray quotes are recognised by. Raises NotJsonError, and
    nothing else."""
    core = _without_surroundings(text)
    rungs: tuple[tuple[Rung, str, Callable[[str], object]], ...] = (
        ("strict", text, _strict),
        ("fenced", core, _strict),
        ("repaired", core, _python_literal),
        ("repaired", core, lambda core: quote_repair.read(core, shape, _LENIENT.decode)),
    )
    for rung, candidate, read in rungs:
        try:
            return read(candidate), rung
        except _FAULTS:
            continue
    raise NotJsonError("the answer is not JSON")


def _strict(text: str) -> object:
    value: object = _DECODER.decode(text)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_LENIENT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, strict=False)
"""Accepts line breaks inside strings."""


def _without_surroundings(text: str) -> str:
    """From the first bracket to the last: drops code fences and prose around one document. Two documents stay two,
    and fail."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts and end >= 0 else text


# --- Python literals ------------------------------------------------------------------------------------------------


def _python_literal(text: str) -> object:
    """`{'labels': ['question'], 'sure': True}`. Only what JSON has: no tuples, sets, bytes, calls or names."""
    if len(text) > _LONGEST_LITERAL:
        raise ValueError("too long for the Python parser")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _keeps_every_character(text)
        tree = ast.parse(text, mode="eval")
    _check(tree.body)
    value: object = ast.literal_eval(tree)
    return value


def _keeps_every_character(text: str) -> None:
    """Raises ValueError if the text could change: Python drops comments, joins `"a""b"`, and reads `\\alpha`, `\\101`
    and `\\/` in its own way, which the model may not have meant."""
    before: tokenize.TokenInfo | None = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.NL, tokenize.NEWLINE}:
            continue
        joined = before is not None and before.type == token.type == tokenize.STRING
        unusual = token.type == tokenize.STRING and (token.string[0] not in "'\"" or token.string[:3] in {"'''", '"""'})
        foreign = token.type == tokenize.STRING and not all(
            len(name) > 1 or name in _ALIKE for name in _ESCAPE.findall(token.string)
        )
        if token.type == tokenize.COMMENT or joined or unusual or foreign:
            raise ValueError("not a plain literal")
        before = token


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=str() | bool() | int() | float() | None):
            pass
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            pass
        case ast.List(elts=elements):
            for element in elements:
                _check(element)
        case ast.Dict(keys=keys, values=values):
            names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            if len(names) != len(keys) or len(set(names)) != len(names):
                raise ValueError("a key is not text, or stands twice")
            for value in values:
                _check(value)
        case _:
            raise ValueError("not a literal of JSON")
