"""What a fire tells: its ending, its counts, and what it gave up. Frozen, as in `models`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waves.errors import WaveError
from waves.models import Counts, Ending, FireState, Usage
from waves.words import counted

EXIT_CODE: Mapping[FireState, int] = {
    "complete": 0,
    "collected": 0,
    "dry_run": 0,
    "prepared": 0,
    "converged": 0,
    "snoozed": 75,
    "locked": 75,
    "interrupted": 75,
    "submitted": 75,
    "not_converged": 75,
    "awaiting_approval": 76,
    "over_budget": 76,
    "held": 76,
}
"""The exit code of each state; that of `failed` is its fault's own."""
REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class GivenUpRows:
    """The rows that a run gave up for one reason."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class FireReport:
    """One fire, as `wave fire --json` prints it. `counts` are over all of its waves; None means unknown, never 0.
    `given_up` are the rows that it quarantined or refused, by reason, the most frequent reason first."""

    theme: str
    run_id: str
    ending: Ending
    duration_ms: int
    wave_id: str | None = None
    rubric_version: str | None = None
    counts: Counts = Counts()
    llm_calls: int | None = 0
    tokens: Usage = Usage()
    cost_usd: float | None = None
    given_up: tuple[GivenUpRows, ...] = ()
    fault: WaveError | None = None

    @property
    def exit_code(self) -> int:
        return self.fault.exit_code if self.fault else EXIT_CODE[self.ending.state]

    def given_up_line(self) -> str | None:
        """`3 rows were given up: no answer (2), the model refuses (1)`; None if the run gave up none."""
        if not self.given_up:
            return None
        shown = [f"{each.reason} ({each.rows:,})" for each in self.given_up[:REASONS_SHOWN]]
        others = len(self.given_up) - len(shown)
        more = [f"and {counted(others, 'other reason')}"] if others else []
        rows = sum(each.rows for each in self.given_up)
        return f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} given up: {', '.join([*shown, *more])}"

    def or_raise(self) -> FireReport:
        """The report of a command that ended in order; raises the fault of one that did not."""
        if self.fault is not None:
            raise self.fault
        return self
