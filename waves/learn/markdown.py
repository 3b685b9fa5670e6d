"""Verdicts and row text as a person reads them. Row text comes from outside: none of it reaches a terminal as a control
sequence, or a page as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from waves import exact_json
from waves.models import Output

_MARKUP = re.compile(r"[\\`*_{}\[\]()#+\-.!|~:@$^=]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ENCODER = exact_json.Encoder(ensure_ascii=False, sort_keys=True)
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def readable(text: str, width: int) -> str:
    """One line of at most `width` characters. Unprintable characters, e.g. controls, are replaced."""
    line = " ".join(text[: 4 * width].split())
    line = "".join(character if character.isprintable() else _UNPRINTABLE for character in line)
    return line if len(line) <= width else line[: width - 1] + "…"


def verdict_text(output: Output | None) -> str:
    """A verdict as short text: its labels, or its fields as JSON."""
    if output is None:
        return ""
    labels = output.get("labels")
    if set(output) == {"labels"} and isinstance(labels, list):
        return ", ".join(map(str, labels)) or "no label"
    return str(_ENCODER.encode(dict(output)))


def escaped(text: str) -> str:
    """As plain text in Markdown (CommonMark and GitHub's): none of it is markup."""
    return _MARKUP.sub(lambda mark: "\\" + mark[0], re.sub("[&<>]", lambda sign: _ENTITIES[sign[0]], text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; the cells are escaped here."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
