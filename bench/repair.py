"""Answers broken by unescaped quotes alone: how many come back with the full text, how many are refused, and whether
any is altered. 553 Romanian sentences with quotation marks, in every shape and broken in every way listed here. 100 of
them hold only the beginning or the end of a quotation and are counted apart: side by side in a list nobody can tell
where such a text ends, and it has to be refused. `bench/structure.py` measures faults of structure.

An answer holds several items; each counts by itself. Bare is a strict JSON parser, which refuses them all.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from waves.backends.answers.interpret import interpret
from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.outcomes import Answered

DATA = Path(__file__).parent / "data" / "romanian_quotes.jsonl"
Fate = Literal["restored", "refused", "altered"]
FATES: tuple[Fate, ...] = ("restored", "refused", "altered")
TEXT = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a verdict looks like: its fields by name, and one verdict for the sentences `a`, `b` and `c`."""

    fields: Mapping[str, Any]
    verdict: Callable[[str, str, str], dict[str, Any]]

    @property
    def rubric(self) -> Rubric:
        schema = {"type": "object", "properties": dict(self.fields), "required": list(self.fields)}
        head = f"---\nkind: extract\nschema: {json.dumps(schema)}\n---\nFill the fields.\n"
        example = {"content": "x"}, self.verdict("x", "y", "z")
        blocks = "".join(f"\n```json\n{json.dumps(block)}\n```\n" for block in example)
        return rubrics.parse(f"{head}\n### Example\n{blocks}", "v1", Path("v1.md"))


def texts_of(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), TEXT)


PLACE = {"type": "object", "properties": texts_of("name about"), "required": ["name", "about"]}
LIST = {"type": "array", "items": TEXT}
SHAPES: Mapping[str, Shape] = {
    "labels, then a text": Shape(
        {"labels": LIST, "text": TEXT}, lambda a, _b, _c: {"labels": ["one", "two"], "text": a}
    ),
    "three texts": Shape(texts_of("first second third"), lambda a, b, c: {"first": a, "second": b, "third": c}),
    "texts in an object": Shape(
        {"place": PLACE, "note": TEXT}, lambda a, b, c: {"place": {"name": a, "about": b}, "note": c}
    ),
    "a list of one text": Shape({"found": LIST, "note": TEXT}, lambda a, b, _c: {"found": [a], "note": b}),
    "a list of a text and names": Shape({"found": LIST}, lambda a, _b, _c: {"found": ["Cluj", a, "Iași"]}),
    "a list of three texts": Shape({"found": LIST}, lambda a, b, c: {"found": [a, b, c]}),
}

IN_FIELDS = ("labels, then a text", "three texts", "texts in an object")

PUNCTUATION = (",", ":", "}", "]", "},", "]}")


def before_punctuation(text: str) -> str:
    """What looks most like the end of a string."""
    marks = iter(PUNCTUATION * len(text))
    return re.sub(r'"(?=\s|$)', lambda _: f'"{next(marks)}', ascii_alone(text))


def closed_by_ascii(text: str) -> str:
    return re.sub("[“”»]", '"', text)


def ascii_alone(text: str) -> str:
    return re.sub("[„“”«»]", '"', text)


TEXTS: Mapping[str, Callable[[str], str]] = {
    "as they are": str,
    '„…" closed by an ASCII quote': closed_by_ascii,
    "ASCII quotes alone": ascii_alone,
    "the whole text in quotes": lambda text: f'"{text}"',
    "quotes before , : } ]": before_punctuation,
    "quotes doubled": lambda text: ascii_alone(text).replace('"', '""'),
}


def all_bare(answer: str) -> str:
    return answer.replace('\\"', '"')


def every_other_bare(answer: str) -> str:
    halves = iter(answer.split('\\"'))
    out = next(halves)
    for number, half in enumerate(halves):
        out += ('"' if number % 2 else '\\"') + half
    return out


BREAKS: Mapping[str, Callable[[str], str]] = {"": all_bare, ", every other one bare": every_other_bare}


def answers(sentences: Sequence[str], shape: Shape, size: int) -> Iterator[list[dict[str, Any]]]:
    """Verdicts in batches of `size`, every sentence in each place once."""
    verdicts = [
        {"id": str(n % size + 1), **shape.verdict(one, sentences[n - 1], sentences[n - 2])}
        for n, one in enumerate(sentences)
    ]
    for start in range(0, len(verdicts), size):
        yield verdicts[start : start + size]


def fates(meant: list[dict[str, Any]], broken: str, rubric: Rubric) -> Iterator[Fate]:
    raw = json.dumps({"content": [{"type": "text", "text": broken}], "stop_reason": "end_turn"})
    outcome = interpret(raw, rubric, [verdict["id"] for verdict in meant], strict=False)
    if not isinstance(outcome, Answered):
        raise SystemExit(f"not an answer: {outcome}")
    read = {item.short_id: item.output for item in outcome.labelled}
    for verdict in meant:
        output = read.get(verdict["id"])
        yield "refused" if output is None else "restored" if {"id": verdict["id"], **output} == verdict else "altered"


def measure(sentences: Sequence[str], shape: Shape, damage: Callable[[str], str], size: int) -> Counter[Fate]:
    """The fates of all items whose answer is no JSON any more."""
    rubric, found = shape.rubric, Counter[Fate]()
    for meant in answers(sentences, shape, size):
        whole = json.dumps({"verdicts": meant}, ensure_ascii=False)
        broken = damage(whole)
        if broken != whole:
            found.update(fates(meant, broken, rubric))
    return found


def quotes_pair(text: str) -> bool:
    return ascii_alone(text).count('"') % 2 == 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Fates by shape of a verdict, and by what is broken."""

    by_shape: Mapping[str, Counter[Fate]]
    by_damage: Mapping[str, Counter[Fate]]

    @property
    def total(self) -> Counter[Fate]:
        return sum(self.by_shape.values(), Counter())

    @property
    def in_fields(self) -> Counter[Fate]:
        return sum((found for name, found in self.by_shape.items() if name in IN_FIELDS), Counter())

    @property
    def in_lists(self) -> Counter[Fate]:
        return self.total - self.in_fields


def tally(sentences: Sequence[str], size: int) -> Tally:
    by_shape: defaultdict[str, Counter[Fate]] = defaultdict(Counter)
    by_damage: defaultdict[str, Counter[Fate]] = defaultdict(Counter)
    for name, shape in SHAPES.items():
        for how, change in TEXTS.items():
            for which, damage in BREAKS.items():
                found = measure([change(text) for text in sentences], shape, damage, size)
                by_shape[name] += found
                by_damage[how + which] += found
    return Tally(by_shape, by_damage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=4)
    options = parser.parse_args()
    known = [json.loads(line)["text"] for line in DATA.read_text("utf-8").split("\n") if line]
    sentences_by_kind = {
        "whole": [text for text in known if quotes_pair(text)],
        "cut out of a quotation": [text for text in known if not quotes_pair(text)],
    }
    print(f"repair: items of answers broken by quotes alone, batches of {options.batch_size}")
    tallies = [tally(sentences, options.batch_size) for sentences in sentences_by_kind.values()]
    for (what, sentences), found in zip(sentences_by_kind.items(), tallies, strict=True):
        print(f"\n{len(sentences)} sentences, {what}")
        table("by shape of a verdict", found.by_shape)
        table("by what is broken", found.by_damage)
    (whole, cut), altered = tallies, sum(found.total["altered"] for found in tallies)
    reached = "reached" if share(whole.in_fields) >= 0.96 else "MISSED"
    print(
        f"\n  whole sentences: {share(whole.in_fields):.1%} restored in fields, bare 0.0%, ≥ 96 % {reached}"
        f"; {share(whole.in_lists):.1%} in lists"
        f"\n  cut sentences:   {share(cut.in_fields):.1%} restored in fields, {share(cut.in_lists):.1%} in lists"
        f"\n  all {sum(found.total.total() for found in tallies):,}: {altered} altered, 0 "
        f"{'reached' if not altered else 'MISSED'}"
    )


def share(found: Counter[Fate]) -> float:
    return found["restored"] / found.total()


def table(title: str, rows: Mapping[str, Counter[Fate]]) -> None:
    print(f"\n  {title.ljust(48)}{'items':>8}" + "".join(fate.rjust(10) for fate in FATES))
    for name, found in rows.items():
        shares = "".join(f"{found[fate] / found.total():.1%}".rjust(10) for fate in FATES)
        print(f"  {name.ljust(48)}{found.total():>8,}{shares}")


if __name__ == "__main__":
    main()
