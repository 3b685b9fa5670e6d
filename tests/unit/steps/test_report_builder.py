"""A fire's report adds up over its waves; what is unknown stays unknown until a wave knows it."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from waves.fire_report import FireReport
from waves.models import Counts, Ending
from waves.steps.recording import ReportBuilder

SURE = st.integers(0, 1000)
NAMES = [field.name for field in fields(Counts)]
COUNTS = st.builds(
    Counts,
    emitted=SURE,
    parts=SURE,
    entries=st.none() | SURE,
    matched=st.none() | SURE,
    orphaned=st.none() | SURE,
    released=SURE,
    quarantined=SURE,
    missing=SURE,
)


def tally() -> ReportBuilder:
    return ReportBuilder(FireReport("t", "run", Ending("failed"), 0))


@given(st.lists(COUNTS))
def test_counts_add_up_over_waves(waves: list[Counts]) -> None:
    adding = tally()
    for counts in waves:
        adding.add(counts)
    for name in NAMES:
        known = [getattr(counts, name) for counts in waves if getattr(counts, name) is not None]
        expected = sum(known) if known or name not in ("entries", "matched", "orphaned") else None
        assert getattr(adding.report.counts, name) == expected


def test_an_ending_keeps_what_was_done() -> None:
    adding = tally()
    adding.note(wave_id="w", llm_calls=3)
    adding.add(Counts(emitted=5, parts=5))
    adding.end(Ending("snoozed", "why"))
    assert (adding.report.wave_id, adding.report.llm_calls, adding.report.counts.parts) == ("w", 3, 5)
    assert adding.report.ending == Ending("snoozed", "why")
