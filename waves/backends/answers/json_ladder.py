"""The text of an answer → a Python value, by the parse ladder: strict JSON, then the one document in prose, then as a
Python literal, then with stray quotes escaped. No rung drops or invents a character of the document, and none runs
it as code. A decimal is a Decimal, as it is written.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable
from typing import Literal, NoReturn

from waves import exact_json
from waves.backends.answers import quote_repair
from waves.backends.answers.quote_repair import AnswerShape

Rung = Literal["strict", "fenced", "repaired"]

_LONGEST_LITERAL = 200_000
_ESCAPE = re.compile(r"\\(u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|.)", re.DOTALL)
_ALIKE = frozenset("\\\"'bfnrt")
"""Characters that mean the same after a backslash in JSON and in Python; so does `u`, except for half a character."""
_LAYOUT = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})
_NAMES = {"True": "true", "False": "false", "None": "null"}
_FAULTS = (ValueError, SyntaxError, RecursionError, tokenize.TokenError)

_THOUGHT = re.compile(r"\A(?:\s*<(think(?:ing)?|reasoning)>.*?</\1>)+", re.DOTALL | re.IGNORECASE)
_THOUGHT_START = re.compile(r"<(?:think(?:ing)?|reasoning)>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(?:think(?:ing)?|reasoning)>", re.IGNORECASE)
_OPENING_BRACKET = re.compile(r"[\[{]")
_ASIDE = re.compile(r"""\[[^\[\]{}"]*\]|\{[^\[\]{}":]*\}""")  # brackets of prose


class NotJsonError(ValueError):
    """No rung of the ladder reads this text."""


def parse_answer(text: str, shape: AnswerShape) -> tuple[object, Rung]:
    """The value and the rung that read it; `shape` is what stray quotes are recognised by. Raises NotJsonError, and
    nothing else."""
    said = _THOUGHT.sub("", text)
    core = _without_surroundings(said)
    rungs: tuple[tuple[Rung, str, Callable[[str], object]], ...] = (
        ("strict", text, _strict),
        ("fenced", said, _only_document),
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


def _decoder(*, strict: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=exact_json.exact, strict=strict
    )


_DECODER = _decoder(strict=True)
_LENIENT = _decoder(strict=False)
"""Accepts line breaks inside strings."""

# --- What stands around a document ----------------------------------------------------------------------------------


def _only_document(text: str) -> object:
    """The one document in prose, which may hold brackets and lists of its own, `[1]`. Two documents stay two, and fail;
    so does one that the model was only thinking of."""
    documents: list[object] = []
    prose, at, start = "", 0, len(text)
    while (bracket := _OPENING_BRACKET.search(text, at)) is not None:
        prose += text[at : bracket.start()]
        if (aside := _ASIDE.match(text, bracket.start())) is not None:
            at = aside.end()
            continue
        document, at = _DECODER.raw_decode(text, bracket.start())
        if _holds_objects(document):
            documents.append(document)
            prose, start = "", bracket.start()
    behind = prose + text[at:]
    if len(documents) != 1 or _is_thought(text[:start], behind) or "]" in behind or "}" in behind:
        raise ValueError("not a single document")
    return documents[0]


def _holds_objects(document: object) -> bool:
    return isinstance(document, dict) or (isinstance(document, list) and any(map(_holds_objects, document)))


def _is_thought(before: str, behind: str) -> bool:
    """Whether what stands between these is only thought: a tag is left open before it, or closed behind it."""
    opened = [tag.end() for tag in _THOUGHT_START.finditer(before)]
    return _THOUGHT_END.search(behind) is not None or (bool(opened) and not _THOUGHT_END.search(before, opened[-1]))


def _without_surroundings(text: str) -> str:
    """From the first bracket to the last; all of it if that was only thought, or if another document begins behind."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if not starts or not end or _OPENING_BRACKET.search(text, end) or _is_thought(text[: min(starts)], text[end:]):
        return text
    return text[min(starts) : end]


# --- Python literals ------------------------------------------------------------------------------------------------


def _python_literal(text: str) -> object:
    """`{'labels': ['question'], 'sure': True}`, read as the JSON that it means, token by token. Only what JSON has: no
    tuples, sets, bytes, calls, names or other spellings of numbers."""
    if len(text) > _LONGEST_LITERAL:
        raise ValueError("too long for the tokens of Python")
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in _LAYOUT]
    signs = ["", *(token.string for token in tokens), ""]
    return _strict("".join(_as_json(*each) for each in zip(tokens, signs, signs[2:], strict=False)))


def _as_json(token: tokenize.TokenInfo, before: str, after: str) -> str:
    """`before` and `after` are its neighbours: a comma at the end of a list or an object means nothing."""
    match token.type:
        case tokenize.STRING:
            return json.dumps(_string(token.string)) + " "
        case tokenize.NAME if token.string in _NAMES:
            return _NAMES[token.string] + " "
        case tokenize.OP if token.string == "," and after in {"]", "}"} and before not in {"[", "{", ","}:
            return ""
        case tokenize.OP if token.string == "-":
            return "-"  # a sign stands at its number, everything else apart
        case tokenize.NUMBER | tokenize.OP:
            return token.string + " "
        case _:
            raise ValueError("not a literal of JSON")


def _string(literal: str) -> str:
    """Raises ValueError if the text could change: Python reads `\\alpha`, `\\101` and `\\/` in its own way, which the
    model may not have meant."""
    if literal[0] not in "'\"" or literal[:3] in {"'''", '"""'}:
        raise ValueError("not a plain literal")
    if not all(len(name) > 1 or name in _ALIKE for name in _ESCAPE.findall(literal)):
        raise ValueError("an escape that Python reads in its own way")
    return str(ast.literal_eval(literal))
