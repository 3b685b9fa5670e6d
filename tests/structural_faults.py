"""Answers with one structural fault each, of the kinds in tests/data/structural_faults.jsonl, about sentences of one's
own: `<A>` is the first sentence, `<A1>` its first two words, `<A2>` the rest, and `<A">` has one word in stray quotes.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waves.backends.answers.interpret import interpret
from waves.config import rubric as rubrics
from waves.outcomes import Answered

KINDS: Sequence[Mapping[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "structural_faults.jsonl").read_text("utf-8").split("\n")
    if line
]

_FIELDS = {
    "note": {"type": "string"},
    "quotes": {"type": "array", "items": {"type": "string"}},
    "setting": {"type": ["string", "null"], "enum": ["in", "out", None]},
    "confidence": {"type": "number"},
}
_SCHEMA = {"type": "object", "properties": _FIELDS, "required": list(_FIELDS), "additionalProperties": False}
_EXAMPLE = {"note": "a", "quotes": ["b"], "setting": None, "confidence": 0.5}
RUBRIC = rubrics.parse(
    f"---\nkind: extract\nschema: {json.dumps(_SCHEMA)}\n---\nFill.\n\n### Example\n\n"
    f'```json\n{{"content": "x"}}\n```\n\n```json\n{json.dumps(_EXAMPLE)}\n```\n',
    "v1",
    Path("v1.md"),
)

_WHO = "The leader,Every child,Nobody here,A visitor,The youngest,Copilul mare,Un vecin"
_DOES = "reads,draws,hides,counts,whispers,desenează,așază"
_WHAT = "the riddle,a river,three stones; then a fourth,the map (the old one),two lines: one red,o pălărie,un „semn”"
_END = "in turn.,twice,and waits…,– at last!,with a 'wink'?,la 5 metri.,for 1,5 hours."


@dataclass(frozen=True, slots=True)
class FaultyAnswer:
    kind: str
    text: str
    ids: Sequence[str]
    acceptable: Mapping[str, Sequence[Mapping[str, Any]]]

    def altered(self) -> list[Mapping[str, Any]]:
        """What is stored of the answer, and is not what the model wrote."""
        return [each for short_id, each in stored(self.text, self.ids).items() if not self._may_store(short_id, each)]

    def _may_store(self, short_id: str, output: Mapping[str, Any]) -> bool:
        return short_id not in self.acceptable or output in self.acceptable[short_id]


def stored(text: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What is stored of an answer with this text, by short id."""
    raw = json.dumps({"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"})
    outcome = interpret(raw, RUBRIC, ids, strict=False)
    assert isinstance(outcome, Answered)
    return {item.short_id: {**item.output, "confidence": item.confidence} for item in outcome.labelled}


def sentences(seed: int) -> Iterator[str]:
    """Plain ones of four words or more, without end."""
    dice = random.Random(seed)
    while True:
        yield " ".join(dice.choice(words.split(",")) for words in (_WHO, _DOES, _WHAT, _END))


def faulty_answer(kind: Mapping[str, Any], texts: Sequence[str], *, compact: bool, bare: bool = False) -> FaultyAnswer:
    """`texts` are the four sentences; with `bare` their own quotes have no backslash either. `compact`: no blank
    between values."""
    parts = dict(_parts(texts))
    template = re.sub("([,:]) ", r"\1", kind["answer"]).replace('" "', '""') if compact else kind["answer"]

    def written(match: re.Match[str]) -> str:
        text = json.dumps(parts[match[0]], ensure_ascii=False)[1:-1]
        return text.replace('\\"', '"') if bare or match[0].endswith('">') else text

    return FaultyAnswer(kind["kind"], re.sub(_SLOT, written, template), kind["ids"], _filled(kind["acceptable"], parts))


_SLOT = r'<[A-D][12"]?>'


def _parts(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, text in zip("ABCD", texts, strict=True):
        start = [each.start() for each in re.finditer(" ", text)]
        yield f"<{name}>", text
        yield f"<{name}1>", text[: start[1]]
        yield f"<{name}2>", text[start[1] :]
        yield f'<{name}">', f'{text[: start[1]]} "{text[start[1] + 1 : start[2]]}"{text[start[2] :]}'


def _filled(value: Any, parts: Mapping[str, str]) -> Any:
    match value:
        case str():
            return re.sub(_SLOT, lambda match: parts[match[0]], value)
        case list():
            return [_filled(part, parts) for part in value]
        case dict():
            return {name: _filled(part, parts) for name, part in value.items()}
        case _:
            return value
