"""The theme that ships: its rubric says what it must, and its version is pinned."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from waves.config import rubric, theme
from waves.config.rubric import Rubric
from waves.config.theme import Theme

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "prompts" / "comment_classifier"
LABELS = ("edit_suggestion", "proposal", "refutation", "question", "endorsement")


@pytest.fixture(scope="module")
def shipped() -> Rubric:
    return rubric.newest(FOLDER)


@pytest.fixture(scope="module")
def classifier() -> Theme:
    return theme.load(ROOT / "prompts", "comment_classifier")


def test_the_version_is_pinned(shipped: Rubric) -> None:
    """Whoever edits the rubric makes a new version: all rows are asked again. Change this line on purpose only."""
    assert shipped.version == "v1-ec2fc8d"


def test_the_version_is_the_hash_of_the_file(shipped: Rubric) -> None:
    digest = hashlib.sha256((FOLDER / "v1.md").read_bytes()).hexdigest()
    assert shipped.version == f"v1-{digest[:7]}"


def test_the_five_labels_may_co_occur(shipped: Rubric) -> None:
    assert (shipped.kind, shipped.labels, shipped.multi) == ("classify", LABELS, True)


def test_there_are_twelve_examples_or_more(shipped: Rubric) -> None:
    assert len(shipped.examples) >= 12


def test_each_label_has_two_examples_or_more(shipped: Rubric) -> None:
    times = Counter(label for example in shipped.examples for label in example.output["labels"])
    assert {label for label in LABELS if times[label] < 2} == set()


def test_some_examples_have_several_labels_and_some_none(shipped: Rubric) -> None:
    sizes = Counter(len(example.output["labels"]) for example in shipped.examples)
    assert sizes[0] >= 2
    assert sizes[2] >= 2


def test_each_example_shows_the_whole_input(shipped: Rubric, classifier: Theme) -> None:
    assert {tuple(example.input) for example in shipped.examples} == {classifier.source.input}


def test_no_example_is_a_row_of_the_sample(shipped: Rubric) -> None:
    sample = (ROOT / "data" / "sample" / "artifact_comments.jsonl").read_text("ascii")
    assert [e.input["content"] for e in shipped.examples if e.input["content"] in sample] == []


def test_the_five_definitions_reach_the_model(shipped: Rubric) -> None:
    assert [label for label in LABELS if f"**{label}**" not in shipped.system] == []


def test_labels_confidence_and_version_are_written_to_the_table(classifier: Theme) -> None:
    assert classifier.target is not None
    assert classifier.target.table == "artifact_comments"
    assert dict(classifier.target.columns) == {
        "$labels": "comment_type_labels",
        "$confidence": "comment_type_confidence",
        "$version": "classifier_version",
    }
