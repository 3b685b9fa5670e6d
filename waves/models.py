"""The values that pass between the layers: frozen, without behaviour beyond what they hold.

Words are those of the glossary (docs/glossary.md). Text is always `str` as PostgreSQL gave it; moments are aware
`datetime`s in UTC; money is US dollars as `float`, or None where it is unknown (never 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from annotated_types import Interval

Output = Mapping[str, Any]
"""What a model says about one item, in the rubric's fields, e.g. `{"labels": ["question"], "price": Decimal("0.10")}`.
A decimal is a Decimal, with the digits that the model wrote: `exact_json` writes and reads it."""

Identity = tuple[str, str]
"""The identity of an item: its entity key and the hash of its input."""

Dollars = Annotated[float, Interval(ge=0, le=1_000_000_000)]
"""US dollars, as a person writes them into a file or the database."""

ParseRung = Literal["strict", "fenced", "repaired", "retried"]
WaveState = Literal["open", "submitted", "held", "closed", "abandoned"]
WaveKind = Literal["normal", "pilot", "evaluation"]
"""An evaluation asks for gold; it is never merged, and the database has no row of it."""
OnStale = Literal["clear", "keep"]
"""What becomes of a target row that shows a verdict about an earlier text, once it was given up for the present one."""
VerdictState = Literal["accepted", "failed", "refused", "quarantined"]
FireState = Literal[
    "complete",
    "collected",
    "dry_run",
    "snoozed",
    "locked",
    "interrupted",
    "submitted",
    "not_converged",
    "awaiting_approval",
    "over_budget",
    "held",
    "failed",
    "prepared",  # the last two: one step by hand; a fire never ends so
    "converged",
]


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the gap. `input` maps the theme's input columns to their text, None for NULL."""

    entity_key: str
    input_hash: str
    input: Mapping[str, str | None] = field(hash=False)

    @property
    def identity(self) -> tuple[str, str]:
        return (self.entity_key, self.input_hash)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request by class; None where the provider did not say. `cache_write_1h` are those of `cache_write`
    that stay for an hour; `reported_usd` is what the backend itself says that the request cost."""

    input: int | None = None
    output: int | None = None
    cache_write: int | None = None
    cache_read: int | None = None
    cache_write_1h: int | None = None
    reported_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """What the provider says about one of its limits, e.g. `five_hour` or `input-tokens`: `used` is a share from 0 to
    1, `remaining` counts in the limit's own unit; `rejected`: it is used up, and requests are refused."""

    limit: str
    used: float | None = None
    remaining: int | None = None
    resets_at: datetime | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a step, and with it the fire, goes no further: a state of `wave fire --json`, and the reason in words.
    `attention`: a person has to read the reason, although the exit code alone does not call for one. `more`: there is
    work left that this very fire could go on with."""

    state: FireState
    reason: str | None = None
    snoozed_until: datetime | None = None
    attention: bool = False
    more: bool = False


# --- waves ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the items of one wave, or of all waves of a fire, are. None means: not known at this point. `refused`
    counts the matched entries whose value the target did not take; they are quarantined."""

    emitted: int = 0
    parts: int = 0
    entries: int | None = None
    matched: int | None = None
    orphaned: int | None = None
    released: int = 0
    quarantined: int = 0
    missing: int = 0
    refused: int = 0

    def line(self) -> str:
        """The line an operator reads: `emitted 700 = parts 700 = entries 700 = matched 700, orphaned 0`."""
        given_back = [
            f"{word} {n}" for word, n in (("released", self.released), ("quarantined", self.quarantined)) if n
        ]
        left = " + ".join([f"parts {self.parts}", *given_back, *([f"missing {self.missing}"] if self.missing else [])])
        if self.entries is None:
            return f"emitted {self.emitted} = {left}"
        merged = f"entries {self.entries} = matched {self.matched}, orphaned {self.orphaned}"
        if self.refused:
            merged += f"; the target refused {self.refused}"
        if given_back or self.missing:
            return f"emitted {self.emitted} = {left}; parts {self.parts} = {merged}"
        return f"emitted {self.emitted} = {left} = {merged}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers that bound a theme: flag > environment > `theme_config` > theme.yaml > these defaults. Caps are in US
    dollars, for a wave, a day and a month in UTC; None means no cap. A migration tells the bounds to the database."""

    keys: Annotated[int, Interval(ge=1, le=1_000_000)] = 700
    batch_size: Annotated[int, Interval(ge=1, le=1000)] = 12
    parallel: Annotated[int, Interval(ge=1, le=1024)] = 6
    passes: Annotated[int, Interval(ge=1, le=20)] = 3
    max_attempts: Annotated[int, Interval(ge=1, le=100)] = 3
    snooze_error_rate: Annotated[float, Interval(gt=0, le=1)] = 0.5
    max_rows_without_approval: Annotated[int, Interval(ge=0, le=1_000_000_000)] = 50
    max_orphan_rate: Annotated[float, Interval(ge=0, le=1)] = 0.05
    max_given_up_rate: Annotated[float, Interval(ge=0, le=1)] = 0.2
    max_reasked_rate: Annotated[float, Interval(ge=0, le=1)] = 0.2
    drift_rows: Annotated[int, Interval(ge=0, le=10_000_000)] = 50_000
    keep_days: Annotated[int, Interval(ge=0, le=100_000)] = 30
    cap_usd_wave: Dollars | None = None
    cap_usd_day: Dollars | None = None
    cap_usd_month: Dollars | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a wave was opened with; immutable on disk as `manifest.json`."""

    installation: str
    theme_id: str
    wave_id: str
    kind: WaveKind
    rubric_version: str
    backend: str
    model: str
    limits: Limits
    items: tuple[Item, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One accepted item on disk. `output` has the rubric's fields without `confidence`."""

    theme: str
    wave: str
    entity_key: str
    input_hash: str
    rubric_version: str
    model: str
    backend: str
    call_id: str
    output: Output = field(hash=False)
    confidence: float | None
    parse: ParseRung
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen at the moment `at` in the window that began at `start`: that it was `exhausted`, or that it was
    used to the share `used`."""

    start: datetime
    at: datetime
    how: Literal["exhausted", "utilisation"]
    used: float = 1.0


@dataclass(frozen=True, slots=True)
class KeysSent:
    """What was sent in a span of time: keys that were, or may have been, paid for, and those that certainly were with
    the requests that asked for them. `last` is when the newest of them was sent."""

    keys: int = 0
    paid: int = 0
    requests: int = 0
    last: datetime | None = None
