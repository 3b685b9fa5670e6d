"""The values that pass between the layers: frozen, without behaviour beyond what they hold.

Words are those of the glossary (docs/glossary.md). Text is always `str` as PostgreSQL gave it; moments are aware
`datetime`s in UTC; money is US dollars as `float`, or None where it is unknown (never 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from waves.errors import WaveError

Output = Mapping[str, Any]
"""What a model says about one item, in the rubric's fields, e.g. `{"labels": ["question"], "confidence": 0.9}`."""

BackendKind = Literal["anthropic", "message_batches", "claude_cli", "rehearsal"]
ParseRung = Literal["strict", "fenced", "repaired", "retried"]
WaveState = Literal["open", "submitted", "held", "closed", "abandoned"]
WaveKind = Literal["normal", "pilot", "evaluation"]
"""An evaluation asks for gold; it is never merged, and the database has no row of it."""
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
    """Why a step, and with it the fire, goes no further: a state of `wave fire --json`, and the reason in words."""

    state: FireState
    reason: str | None = None
    snoozed_until: datetime | None = None


# --- what goes to a worker, and what comes back ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """One model request, complete. `items` are (short id, input) pairs; `strict` marks the stricter second try;
    `max_tokens` None means the rubric's."""

    call_id: str
    model: str
    items: tuple[tuple[str, Mapping[str, str | None]], ...] = field(hash=False)
    strict: bool = False
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came over the wire, before anybody looked into it. This is what was paid for."""

    call_id: str
    status: int
    raw: str
    usage: Usage = Usage()
    meters: tuple[Meter, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """One item of an answer that may be stored."""

    short_id: str
    output: Output = field(hash=False)
    confidence: float | None
    parse: ParseRung


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item of an answer that may not be stored, and why."""

    short_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The request was answered; each item that was asked for is in exactly one of the two."""

    labelled: tuple[Labelled, ...] = ()
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Retryable:
    """No usable answer this time. `outage` failures say something about the provider, the others about the request:
    `timeout`, `truncated` (`max_tokens`: worth one larger try); or our worker died with it: `lost`. `maybe_paid`: the
    request may have worked for us all the same (a time-out, a connection that broke after it was open)."""

    kind: Literal["outage", "timeout", "truncated", "lost"]
    reason: str
    maybe_paid: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The backend is unusable until a moment; None where the provider did not say. `rate`: too many requests at a time,
    soon over; `quota`: a window is used up; `spend`: a limit in money. `maybe_paid`: an answer had begun."""

    until: datetime | None
    reason: str
    kind: Literal["rate", "quota", "spend"] = "rate"
    meters: tuple[Meter, ...] = ()
    maybe_paid: bool = False


@dataclass(frozen=True, slots=True)
class Discarded:
    """The provider will not take these items: a refusal, or a request it calls invalid or too large."""

    kind: Literal["refused", "invalid"]
    reason: str


@dataclass(frozen=True, slots=True)
class Fatal:
    """Nothing on this backend can work until a person mends it."""

    kind: Literal["credentials", "configuration"]
    message: str
    hint: str


Outcome = Answered | Retryable | Snoozed | Discarded | Fatal


# --- waves ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the items of one wave, or of all waves of a fire, are. None means: not known at this point."""

    emitted: int = 0
    parts: int = 0
    entries: int | None = None
    matched: int | None = None
    orphaned: int | None = None
    released: int = 0
    quarantined: int = 0
    missing: int = 0

    def line(self) -> str:
        """The line an operator reads: `emitted 700 = parts 700 = entries 700 = matched 700, orphaned 0`."""
        given_back = [
            f"{word} {n}" for word, n in (("released", self.released), ("quarantined", self.quarantined)) if n
        ]
        left = " + ".join([f"parts {self.parts}", *given_back, *([f"missing {self.missing}"] if self.missing else [])])
        if self.entries is None:
            return f"emitted {self.emitted} = {left}"
        merged = f"entries {self.entries} = matched {self.matched}, orphaned {self.orphaned}"
        if given_back or self.missing:
            return f"emitted {self.emitted} = {left}; parts {self.parts} = {merged}"
        return f"emitted {self.emitted} = {left} = {merged}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers that bound a theme: flag > environment > `theme_config` > theme.yaml > these defaults. Caps are in US
    dollars, for a wave, a day and a month in UTC; None means no cap."""

    keys: int = 700
    batch_size: int = 12
    parallel: int = 6
    passes: int = 3
    max_attempts: int = 3
    snooze_error_rate: float = 0.5
    max_rows_without_approval: int = 50
    max_orphan_rate: float = 0.05
    drift_rows: int = 50_000
    keep_days: int = 30
    cap_usd_wave: float | None = None
    cap_usd_day: float | None = None
    cap_usd_month: float | None = None


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
class Sent:
    """Journal: a request is about to go out. `items` are (short id, entity key, input hash)."""

    call_id: str
    version: str
    model: str
    backend: str
    items: tuple[tuple[str, str, str], ...]
    strict: bool
    reserved_usd: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paid:
    """Journal: an answer has come and was paid for."""

    call_id: str
    status: int
    usage: Usage
    raw: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """Journal: a request ended without an answer. `unpaid`: the provider said so (an error status, no connection);
    `maybe_paid`: it may have worked for us (time-out, reset, told to stop); `worker_lost`: our worker died with it."""

    call_id: str
    fate: Literal["unpaid", "maybe_paid", "worker_lost"]
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """Journal: these requests, in this order, are about to be handed over together. `intent` is 16 hex digits that each
    of them carries to the provider; `at` is by the provider's clock, where it told it."""

    intent: str
    backend: str
    calls: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """Journal: the provider has them, under this id."""

    intent: str
    batch_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the journal tells it: `paid` or `ended`, or neither where the runner died with it in flight."""

    sent: Sent
    run_id: str
    paid: Paid | None = None
    ended: Ended | None = None


# --- what a fire tells ----------------------------------------------------------------------------------------------

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


@dataclass(frozen=True, slots=True)
class FireReport:
    """One fire, as `wave fire --json` prints it. `counts` are over all of its waves; None means unknown, never 0."""

    theme: str
    run_id: str
    ending: Ending
    duration_ms: int
    wave_id: str | None = None
    rubric_version: str | None = None
    counts: Counts = Counts()
    llm_calls: int = 0
    tokens: Usage = Usage()
    cost_usd: float | None = None
    fault: WaveError | None = None

    @property
    def exit_code(self) -> int:
        return self.fault.exit_code if self.fault else EXIT_CODE[self.ending.state]
