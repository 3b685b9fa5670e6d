"""What goes to a worker, and what comes back: one request, its answer, and the result of each item.

Frozen values, as in `models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from waves.errors import ConfigurationError, CredentialsError, WaveError
from waves.models import Meter, Output, ParseRung, Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """One model request, complete. `items` are (short id, input) pairs; `strict` marks the stricter second try,
    `reasons` say in our own words why the answer to the first was refused; `max_tokens` None means the rubric's."""

    call_id: str
    model: str
    items: tuple[tuple[str, Mapping[str, str | None]], ...] = field(hash=False)
    strict: bool = False
    max_tokens: int | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it arrived, not interpreted yet. This is what was paid for."""

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
    """The request was answered; each requested item is in exactly one of the two."""

    labelled: tuple[Labelled, ...] = ()
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Retryable:
    """No usable answer this time. An `outage` is a failure of the provider; the others are about the request:
    `timeout`, `truncated` (`max_tokens`: worth one larger try), `lost` (our worker died with it). `maybe_paid`: the
    provider may have processed it all the same (a timeout, a connection that broke after it was open)."""

    kind: Literal["outage", "timeout", "truncated", "lost"]
    reason: str
    maybe_paid: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The backend is unusable until a moment; None if the provider named none. `rate`: too many requests at a time,
    soon over; `quota`: a window is used up; `spend`: a limit in money. `maybe_paid`: an answer had begun.
    `unknown_text` is a message that nobody knows: it may quote the row, so it is shown for a probe alone."""

    until: datetime | None
    reason: str
    kind: Literal["rate", "quota", "spend"] = "rate"
    meters: tuple[Meter, ...] = ()
    maybe_paid: bool = False
    unknown_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Discarded:
    """The provider does not accept these items: a refusal, or a request that it calls invalid or too large. `text` is
    what it says itself: it may quote the row, so it is shown for a probe alone."""

    kind: Literal["refused", "invalid"]
    reason: str
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Fatal:
    """No request on this backend can succeed until a person fixes it; if `of_model`, on this model of it."""

    kind: Literal["credentials", "configuration"]
    message: str
    hint: str
    of_model: bool = False

    def as_error(self) -> WaveError:
        """The fault that ends the fire."""
        kind = CredentialsError if self.kind == "credentials" else ConfigurationError
        return kind(self.message, self.hint)


Outcome = Answered | Retryable | Snoozed | Discarded | Fatal
