"""Exit codes, states and the counts line: what operators and programs rely on."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves import errors, models
from waves.fire_report import EXIT_CODE, FireReport, GivenUpRows
from waves.models import Counts, Ending, Item

COUNT = st.integers(0, 10**9)


def kinds(root: type[errors.WaveError] = errors.WaveError) -> list[type[errors.WaveError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("kind", kinds())
def test_each_fault_has_a_code_a_message_and_a_hint(kind: type[errors.WaveError]) -> None:
    fault = kind("what is wrong", "what to do")
    assert (str(fault), fault.message, fault.hint) == ("what is wrong", "what is wrong", "what to do")
    assert fault.exit_code in errors.EXIT_CODES
    assert re.fullmatch(r"[a-z_]+", fault.code)


def test_codes_of_faults_are_told_apart() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(set(codes)) == len(codes)


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert sorted(errors.EXIT_CODES) == [0, 2, 65, 69, 70, 74, 75, 76, 77, 78]
    assert {kind.code: kind.exit_code for kind in kinds()} == {
        "bug": 70,
        "bad_data": 65,
        "database": 69,
        "disk": 74,
        "try_later": 75,
        "locked": 75,
        "needs_person": 76,
        "awaiting_approval": 76,
        "over_budget": 76,
        "held": 76,
        "credentials": 77,
        "configuration": 78,
    }


def test_each_state_but_failed_has_its_exit_code() -> None:
    assert set(EXIT_CODE) == set(get_args(models.FireState)) - {"failed"}
    assert {state for state, code in EXIT_CODE.items() if code == 75} == {
        "snoozed",
        "locked",
        "interrupted",
        "submitted",
        "not_converged",
    }
    assert {state for state, code in EXIT_CODE.items() if code == 76} == {
        "awaiting_approval",
        "over_budget",
        "held",
    }


def test_a_report_exits_with_its_fault_before_its_state() -> None:
    report = FireReport("t", "run", Ending("snoozed"), 1)
    assert report.exit_code == 75
    failed = FireReport("t", "run", Ending("failed"), 1, fault=errors.CredentialsError("no key"))
    assert failed.exit_code == 77


def test_what_is_unknown_is_none_and_not_nought() -> None:
    report = FireReport("t", "run", Ending("complete"), 1)
    assert report.cost_usd is None
    assert report.counts.entries is report.counts.matched is report.counts.orphaned is None
    assert report.tokens == models.Usage(None, None, None, None)


def test_an_item_is_its_key_and_its_content() -> None:
    item = Item("k", "h", {"content": None})
    assert item.identity == ("k", "h")
    assert hash(item) == hash(Item("k", "h", {"content": None}))


# --- the counts line ------------------------------------------------------------------------------------------------


def test_the_clean_line_is_that_of_the_contract() -> None:
    counts = Counts(emitted=700, parts=700, entries=700, matched=700, orphaned=0)
    assert counts.line() == "emitted 700 = parts 700 = entries 700 = matched 700, orphaned 0"


def test_a_line_shows_what_was_given_back() -> None:
    counts = Counts(emitted=10, parts=7, entries=7, matched=6, orphaned=1, released=2, quarantined=1)
    assert counts.line() == (
        "emitted 10 = parts 7 + released 2 + quarantined 1; parts 7 = entries 7 = matched 6, orphaned 1"
    )


def test_a_line_before_the_merge_shows_what_is_missing() -> None:
    assert Counts(emitted=5, parts=3, missing=2).line() == "emitted 5 = parts 3 + missing 2"
    assert Counts(emitted=5, parts=5).line() == "emitted 5 = parts 5"


def terms(side: str) -> int:
    return sum(int(number) for number in re.findall(r"\d+", side))


@given(COUNT, COUNT, COUNT, COUNT, st.none() | st.tuples(COUNT, COUNT))
def test_every_equals_sign_of_the_line_is_true(
    parts: int, released: int, quarantined: int, missing: int, merged: tuple[int, int] | None
) -> None:
    matched, orphaned = merged or (None, None)
    if matched is not None and orphaned is not None:
        parts = matched + orphaned
    counts = Counts(
        emitted=parts + released + quarantined + missing,
        parts=parts,
        entries=None if merged is None else parts,
        matched=matched,
        orphaned=orphaned,
        released=released,
        quarantined=quarantined,
        missing=missing,
    )
    for equation in counts.line().split("; "):
        first, *others = [terms(side) for side in equation.split(" = ")]
        assert others == [first] * len(others)


def test_the_line_of_rows_that_were_given_up_names_the_first_reasons_and_counts_the_others() -> None:
    reasons = tuple(GivenUpRows(f"reason {n}", 2000 - n) for n in range(5))
    report = FireReport("t", "r", Ending("complete"), 0, given_up=reasons)
    shown = "reason 0 (2,000), reason 1 (1,999), reason 2 (1,998)"
    assert report.given_up_line() == f"9,990 rows were given up: {shown}, and 2 other reasons"
    assert replace(report, given_up=()).given_up_line() is None
