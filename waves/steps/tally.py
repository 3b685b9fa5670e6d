"""What a fire has done so far, added up for its report."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from waves.models import Counts, Ending, FireReport


class Tally:
    """The report in the making; whatever ends the fire, it holds what was done before."""

    def __init__(self, report: FireReport) -> None:
        self.report = report

    def note(self, **known: Any) -> None:  # noqa: ANN401 - fields of FireReport
        self.report = replace(self.report, **known)

    def end(self, ending: Ending) -> None:
        self.note(ending=ending)

    def add(self, counts: Counts) -> None:
        """Add the counts of one wave. None stands for unknown: it stays until a wave knows the number."""
        sums = {}
        for name in (field.name for field in fields(Counts)):
            before, more = getattr(self.report.counts, name), getattr(counts, name)
            sums[name] = before if more is None else (before or 0) + more
        self.note(counts=Counts(**sums))
