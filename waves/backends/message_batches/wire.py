"""The answers of the Message Batches API, read with care: a missing or strange field is no reason to fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from waves.backends.answers.envelope import MOST_BYTES, usage_of
from waves.backends.anthropic.bounded_http import AnswerTooLongError
from waves.backends.anthropic.errors import error_of, outcome_of
from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Usage
from waves.outcomes import Outcome, Retryable

if TYPE_CHECKING:
    import httpx2


_MOST_LINES = 200_000  # a batch has no more than 100,000 results, and some of them may be repeated
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")  # stands in journals, addresses and on terminals


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the provider reports it. `ended`: no request in it is processed any more; `gone`: its results are not
    kept any longer. Any other state, even an unknown one, means that it still runs. `ended_at` is None if the provider
    does not say it; `seen_at` is by the provider's clock."""

    batch_id: str
    status: str
    requests: int
    created_at: datetime
    seen_at: datetime
    gone: bool = False
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status == "ended"


@dataclass(frozen=True, slots=True)
class Listing:
    batches: tuple[Batch, ...]
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How one request of a batch ended: with an answer (`raw`, as the Messages API gives it, and its `usage`), with an
    error (`outcome`), or with neither: canceled, expired, or in an unknown way. A line that cannot be read has no
    custom id."""

    custom_id: str
    kind: str
    raw: str | None = None
    usage: Usage | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A call that failed. `arrived`: it may have done its work all the same. `unknown`: the provider has no such
    batch."""

    outcome: Outcome
    arrived: bool
    unknown: bool = False


def nonsense(what: str) -> Problem:
    return Problem(Retryable("outage", f"the provider's answer is not as specified: {what}"), arrived=True)


def object_of(response: httpx2.Response) -> Mapping[str, Any]:
    return _parsed(response.content) or {}


def _parsed(data: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(data.decode("utf-8", "backslashreplace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def clock_of(response: httpx2.Response) -> datetime:
    """The time by the header `date`; by our own clock if there is none."""
    try:
        return _aware(parsedate_to_datetime(response.headers["date"]))
    except (KeyError, ValueError, OverflowError):
        return now()


def batch_of(fields: object, seen_at: datetime) -> Batch | None:
    """None if it has no id by which it can be requested again."""
    if not isinstance(fields, dict) or not isinstance(batch_id := fields.get("id"), str) or not _ID.fullmatch(batch_id):
        return None
    counts = fields.get("request_counts")
    created_at = _moment(fields.get("created_at")) or seen_at
    requests = sum(count for count in counts.values() if isinstance(count, int)) if isinstance(counts, dict) else 0
    status = str(fields.get("processing_status"))
    gone, ended_at = fields.get("archived_at") is not None, _moment(fields.get("ended_at"))
    return Batch(batch_id, status, requests, created_at, seen_at, gone, ended_at)


def _moment(field: object) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(str(field)))
    except ValueError:
        return None


def batches_of(page: Mapping[str, Any], seen_at: datetime) -> list[Batch] | None:
    """The batches of one page of a listing; None if it is no listing."""
    entries = page.get("data")
    if not isinstance(entries, list):
        return None
    return [batch for entry in entries if (batch := batch_of(entry, seen_at)) is not None]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def lines_of(pieces: Iterator[bytes], request: httpx2.Request) -> Iterator[bytes]:
    """Split at line feeds alone: other line separators may stand inside an answer. Raises AnswerTooLongError for a line
    beyond MOST_BYTES, and for more lines than any batch can have."""
    rest: list[bytes] = []
    size, lines_left = 0, _MOST_LINES
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        for line in lines:
            yield b"".join([*rest, line])
            rest, size = [], 0
        lines_left -= len(lines)
        rest.append(last)
        size += len(last)
        if size > MOST_BYTES or lines_left < 0:
            raise AnswerTooLongError(request)
    yield b"".join(rest)


def result_of(line: bytes, config: BackendConfig) -> BatchResult:
    fields = _parsed(line) or {}
    custom_id, result = fields.get("custom_id"), fields.get("result")
    if not isinstance(custom_id, str) or not isinstance(result, dict):
        return BatchResult("", "unreadable" if line.strip() else "blank")
    kind, message = str(result.get("type")), result.get("message")
    if kind == "succeeded" and isinstance(message, dict):
        return BatchResult(custom_id, kind, json.dumps(message, separators=(",", ":")), usage_of(message))
    if kind == "errored":
        return BatchResult(custom_id, kind, outcome=outcome_of(error_of(_error_in(result)), config))
    return BatchResult(custom_id, kind)


def _error_in(result: Mapping[str, Any]) -> Mapping[str, Any]:
    outer = result.get("error")
    inner = outer.get("error", outer) if isinstance(outer, dict) else None
    return inner if isinstance(inner, dict) else {}
