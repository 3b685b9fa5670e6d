"""How the stand-in answers: each item gets the verdict of the worked examples that are most similar to it.

This is not a language model. It reads the examples from the system prompt as it arrives (`### Example`, then two fenced
json blocks: input, expected output), compares words, their beginnings and pairs (TF-IDF, cosine), and knows nothing of
any theme. Pure; a brain is built once for each system prompt and kept.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

SIMILAR = 0.85
"""An example counts as similar if it reaches this share of the highest similarity."""

_HEADING = re.compile(r"^###[ \t]+Example\b.*$", re.MULTILINE)
_FENCED = re.compile(r"^(`{3,})(?:json)?[ \t]*\r?\n(.*?)\n\1[ \t]*\r?$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w+|[?!]")
_LONGEST = 4_000  # characters of a field that are compared: a row of 1 MB costs no more than a page
_STEM = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A verdict in the shape of the examples' outputs, and the similarity of the nearest example (0..1)."""

    output: Mapping[str, Any]
    similarity: float


def parse_examples(system: str) -> list[tuple[object, Mapping[str, Any]]]:
    """The (input, output) pairs of a system prompt, in their order. Examples that cannot be read are left out."""
    headings = list(_HEADING.finditer(system))
    ends = [*(heading.start() for heading in headings[1:]), len(system)]
    examples: list[tuple[object, Mapping[str, Any]]] = []
    for heading, end in zip(headings, ends, strict=False):  # without a heading there is still an end
        blocks = _FENCED.findall(system, heading.end(), end)
        try:
            given, expected = (json.loads(text) for _, text in blocks[:2])
        except ValueError:
            continue
        if isinstance(expected, dict):
            examples.append((given, expected))
    return examples


@lru_cache(maxsize=32)
def brain_for(system: str) -> Brain:
    return Brain(parse_examples(system))


class Brain:
    def __init__(self, examples: Sequence[tuple[object, Mapping[str, Any]]]) -> None:
        self.outputs = [output for _, output in examples]
        prose = {name for given, _ in examples for name, value in _fields(given) if len(_words(value)) > 1}
        self._prose = prose or None
        counts = [Counter(_features(given, self._prose)) for given, _ in examples]
        seen_in = Counter(feature for count in counts for feature in count)
        self._idf = {feature: math.log(1 + len(counts) / n) for feature, n in seen_in.items()}
        self._unknown = math.log(1 + len(counts)) / 2
        self._postings: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        for index, count in enumerate(counts):
            weights = {feature: (1 + math.log(n)) * self._idf[feature] for feature, n in count.items()}
            length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
            for feature, weight in weights.items():
                self._postings[feature].append((index, weight / length))
        self._lists = _lists_of_labels(self.outputs)

    def guess(self, given: object) -> Guess:
        """The verdict for one input; an empty one if there are no examples."""
        if not self.outputs:
            return Guess({}, 0.0)
        similarities = self._similarities(given)
        best = max(similarities)
        nearest = similarities.index(best)
        output = dict(self.outputs[nearest])
        if best > 0:
            alike = [index for index, similarity in enumerate(similarities) if similarity >= SIMILAR * best]
            alike.sort(key=lambda index: -similarities[index])
            for name, several in self._lists.items():
                if several:
                    values = [value for index in alike for value in self.outputs[index].get(name, ())]
                    output[name] = list(dict.fromkeys(values))
        return Guess(output, best)

    def _similarities(self, given: object) -> list[float]:
        scores = [0.0] * len(self.outputs)
        squares = 0.0
        for feature, n in Counter(_features(given, self._prose)).items():
            weight = (1 + math.log(n)) * self._idf.get(feature, self._unknown)
            squares += weight * weight
            for index, share in self._postings.get(feature, ()):
                scores[index] += weight * share
        length = math.sqrt(squares) or 1.0
        return [min(1.0, score / length) for score in scores]


def confidence(similarity: float) -> float:
    """Between 0.05 and 0.99, rising with the similarity."""
    return round(min(0.99, max(0.05, math.sqrt(similarity))), 3)


def _fields(given: object) -> Iterator[tuple[str, str]]:
    """(name, text) of an input's columns that are not null; a bare value is a column without a name."""
    pairs: Iterable[tuple[str, object]] = given.items() if isinstance(given, Mapping) else (("", given),)
    for name, value in pairs:
        if value is not None:
            yield name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:_LONGEST].lower())


def _features(given: object, prose: set[str] | None) -> Iterator[tuple[str, str]]:
    """(field, word), beginnings of longer words, and pairs: the same word in another field is another feature. Fields
    that hold a single word in every example say where a text stands and not what it says; they are left out."""
    for name, text in _fields(given):
        if prose is not None and name not in prose:
            continue
        words = _words(text)
        for word in words:
            yield (name, word)
            if len(word) > _STEM:
                yield (name, word[:_STEM] + "-")
        for pair in pairwise(words):
            yield (name, " ".join(pair))


def _lists_of_labels(outputs: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """The fields that hold lists of text → whether any example gives more than one value there. Empty if an output has
    other fields besides lists and the confidence: then its fields belong together, and are taken from one example."""
    fields: dict[str, bool] = {}
    for name in {name for output in outputs for name in output} - {"confidence"}:
        values = [output[name] for output in outputs if name in output]
        if not all(isinstance(value, list) and all(isinstance(entry, str) for entry in value) for value in values):
            return {}
        fields[name] = any(len(value) > 1 for value in values)
    return fields
