"""Rubrics for tests of what goes to a model and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from waves.config.rubric import Rubric

LABELS = ("question", "proposal", "Refutation")


def _rubric(fields: dict[str, Any], **changes: Any) -> Rubric:
    schema = {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name != "confidence"],
        "additionalProperties": False,
    }
    verdict = {**schema, "properties": {"id": {"type": "string"}, **fields}}
    wire = {"type": "object", "properties": {"verdicts": {"type": "array", "items": verdict}}}
    facts: dict[str, Any] = {
        "version": "v1-0000000",
        "kind": "classify",
        "labels": LABELS,
        "multi": True,
        "schema": schema,
        "wire_schema": wire,
        "examples": (),
        "system": "Label each comment.",
        "text": "",
    }
    return Rubric(**facts | changes)


@pytest.fixture
def rubric() -> Rubric:
    """Several labels and a confidence."""
    labels = {"type": "array", "items": {"type": "string", "enum": list(LABELS)}, "uniqueItems": True}
    return _rubric({"labels": labels, "confidence": {"type": "number"}})


@pytest.fixture
def extract() -> Rubric:
    """Free text, a nested vocabulary, and nothing required of confidence."""
    place = {"type": "object", "properties": {"kind": {"type": "string", "enum": ["Park", "Museum"]}}}
    return _rubric(
        {"title": {"type": "string"}, "place": place, "confidence": {"type": "number"}},
        kind="extract",
        labels=(),
        multi=False,
    )


@pytest.fixture
def build() -> Callable[[dict[str, Any]], Rubric]:
    """A rubric with these fields and no confidence."""
    return _rubric


@pytest.fixture
def message() -> Callable[..., str]:
    """`message(text)` is the body of an answer of the Messages API with that text."""

    def build(text: str, stop_reason: str | None = "end_turn", **changes: Any) -> str:
        content = [{"type": "text", "text": text}]
        return json.dumps({"type": "message", "content": content, "stop_reason": stop_reason} | changes)

    return build
