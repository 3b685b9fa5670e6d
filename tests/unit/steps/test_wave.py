"""Each item of a wave is in exactly one set, whatever is on disk and in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from waves.models import Item, Limits, Manifest, VerdictState
from waves.steps.session.wave import split_items

STATES = get_args(VerdictState)
IDS = [(key, digest) for key in ("1", "2", "A", "a", "") for digest in ("x", "y")]


def manifest(ids: list[tuple[str, str]]) -> Manifest:
    items = tuple(Item(key, digest, {}) for key, digest in ids)
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    return Manifest("i", "t", "w", "normal", "v1-0000000", "rehearsal", "m", Limits(), items, moment)


@given(
    emitted=st.lists(st.sampled_from(IDS), unique=True),
    parts=st.sets(st.sampled_from(IDS)),
    settled=st.dictionaries(st.sampled_from(IDS), st.sampled_from(STATES)),
)
def test_the_four_sets_are_the_wave(emitted: list[Any], parts: set[Any], settled: dict[Any, Any]) -> None:
    stands = split_items(manifest(emitted), parts, settled)
    missing = [item.identity for item in stands.missing]
    everything = [*stands.parts, *stands.quarantined, *stands.released, *missing]
    assert sorted(everything) == sorted(emitted)
    assert missing == [identity for identity in emitted if identity in missing]
    assert stands.converged == (not missing)
    counts = stands.counts()
    assert counts.emitted == len(emitted) == counts.parts + counts.quarantined + counts.released + counts.missing
    assert (counts.entries, counts.matched, counts.orphaned) == (None, None, None)


@given(st.sampled_from(STATES))
def test_a_part_comes_before_whatever_the_database_says(state: VerdictState) -> None:
    stands = split_items(manifest([("1", "x")]), [("1", "x")], {("1", "x"): state})
    assert stands.parts == {("1", "x")}


def test_what_the_database_settled_is_told_apart() -> None:
    settled: dict[tuple[str, str], VerdictState] = {
        ("1", "x"): "quarantined",
        ("2", "x"): "refused",
        ("3", "x"): "failed",
        ("4", "x"): "accepted",
    }
    stands = split_items(manifest([(str(n), "x") for n in range(1, 6)]), [], settled)
    assert stands.quarantined == {("1", "x"), ("2", "x")}
    assert stands.released == {("3", "x"), ("4", "x")}
    assert [item.entity_key for item in stands.missing] == ["5"]


def test_the_same_key_with_other_content_is_another_item() -> None:
    stands = split_items(manifest([("1", "new")]), [("1", "old")], {("1", "old"): "quarantined"})
    assert not stands.converged


def test_an_empty_wave_has_converged() -> None:
    assert split_items(manifest([]), [], {}).converged
