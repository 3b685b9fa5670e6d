"""The stand-in's batches: created, processed for as long as the scenario says, listed, and their results returned.

Knows no sockets, and no clock but the time that is passed in. The answer to a single request of a batch is decided by
`process`, as for any other request; this module is about batches as a whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from waves.rehearsal.batch_requests import Kind, read_batch
from waves.rehearsal.faults import Dice
from waves.rehearsal.protocol import ProtocolError
from waves.rehearsal.record import Turn
from waves.rehearsal.replies import huge
from waves.rehearsal.scenarios import BatchRules

BATCHES = "/v1/messages/batches"
_DEFAULT_PAGE, _LARGEST_PAGE = 20, 1000
_EXPIRES = timedelta(hours=24)


@dataclass(slots=True)
class BatchEntry:
    """One request of a batch: its record, and how it ends."""

    number: int
    custom_id: str
    turn: Turn
    kind: Kind
    result: Mapping[str, Any]


@dataclass(slots=True)
class StoredBatch:
    """`looks` counts the calls that read its state while it ran, `readings` those of its results."""

    number: int
    batch_id: str
    entries: list[BatchEntry]
    created: float
    looks: int = 0
    ended: float | None = None
    cancelled: float | None = None
    readings: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The body, and the time by the provider's clock. To be recorded: the requests that were `taken_in` by this call,
    and those that `ended` with it. `encoding` is that of the body, if it has one."""

    pieces: tuple[bytes, ...]
    at: float
    lost: bool = False
    taken_in: Sequence[Turn] = ()
    ended: Sequence[Turn] = ()
    encoding: str | None = None


Process = Callable[[Mapping[str, Any], str], tuple[Turn, Kind, Mapping[str, Any]]]
"""The parameters of a request and its batch's id → its record, how it ends, and its result."""


@dataclass(slots=True)
class BatchStore:
    """All batches of one provider. `run` makes their ids differ from those of another provider."""

    rules: BatchRules
    run: str
    process: Process
    seed: int
    _batches: list[StoredBatch] = field(default_factory=list)
    _creates: int = 0
    _lists: int = 0

    def call(self, method: str, path: str, query: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Answer one call. Raises ProtocolError if a provider would refuse it."""
        now += self.rules.clock + self.rules.clock_step * self._lists
        batch_id, _, action = path.removeprefix(BATCHES).strip("/").partition("/")
        match method, batch_id, action:
            case "POST", "", "":
                return self._create(body, now)
            case "GET", "", "":
                self._lists += 1
                return self._list(query, now + self.rules.clock_step)
            case "GET", _, "":
                return self._look(batch_id, now)
            case "GET", _, "results":
                return self._results(batch_id, now)
            case "POST", _, "cancel":
                return self._cancel(batch_id, now)
            case _:
                raise ProtocolError(404, "Not found")

    def _create(self, body: bytes, now: float) -> Reply:
        requests = read_batch(body)
        self._creates += 1
        if self._creates <= self.rules.requests_lost:
            return Reply((b"{}",), now, lost=True)
        number = len(self._batches) + 1
        batch = StoredBatch(number, f"msgbatch_{self.run}{number:06d}", [], now)
        for custom_id, parameters in requests:
            turn, kind, result = self.process(parameters, batch.batch_id)
            batch.entries.append(self._fate(batch, BatchEntry(len(batch.entries), custom_id, turn, kind, result)))
        self._batches.append(batch)
        taken = [entry.turn for entry in batch.entries]
        lost = self._creates <= self.rules.requests_lost + self.rules.replies_lost
        ended = self._finish(batch, now) if self._is_due(batch, now) else []
        return Reply((self._json(batch, now),), now, lost, taken, ended)

    def _fate(self, batch: StoredBatch, entry: BatchEntry) -> BatchEntry:
        """At random, some requests of a batch end without being processed."""
        roll = self._dice(batch).roll(f"fate {entry.number}")
        if roll < self.rules.expired:
            return replace(entry, kind="expired", result={"type": "expired"})
        if roll < self.rules.expired + self.rules.canceled:
            batch.cancelled = batch.created
            return replace(entry, kind="canceled", result={"type": "canceled"})
        return entry

    def _list(self, query: Mapping[str, str], now: float) -> Reply:
        ended = [turn for batch in self._batches for turn in self._seen(batch, now)]
        size = int(limit) if (limit := query.get("limit", "")).isdigit() else _DEFAULT_PAGE
        if not 1 <= size <= _LARGEST_PAGE:
            raise ProtocolError(400, f"limit: must be from 1 to {_LARGEST_PAGE}")
        newest = list(reversed(self._batches))
        ids = [batch.batch_id for batch in newest]
        if (after := query.get("after_id")) in ids:
            newest = newest[ids.index(after) + 1 :]
        elif (before := query.get("before_id")) in ids:
            newest = newest[: ids.index(before)][-size:]
        page = newest[: min(size, self.rules.page)]
        listing = {
            "data": [json.loads(self._json(batch, now)) for batch in page],
            "has_more": len(page) < len(newest),
            "first_id": page[0].batch_id if page else None,
            "last_id": page[-1].batch_id if page else None,
        }
        return Reply((json.dumps(listing).encode(),), now, ended=ended)

    def _look(self, batch_id: str, now: float) -> Reply:
        batch = self._find(batch_id)
        ended = self._seen(batch, now)
        return Reply((self._json(batch, now),), now, ended=ended)

    def _cancel(self, batch_id: str, now: float) -> Reply:
        """Requests that have not ended are not processed any more."""
        batch = self._find(batch_id)
        if batch.ended is None and batch.cancelled is None:
            batch.cancelled = now
            for entry in batch.entries:
                entry.kind, entry.result = "canceled", {"type": "canceled"}
        return Reply((self._json(batch, now),), now)

    def _results(self, batch_id: str, now: float) -> Reply:
        batch = self._find(batch_id)
        if batch.ended is None:
            raise ProtocolError(404, "The batch has not ended yet")
        if self._archived(batch, now):
            raise ProtocolError(404, "The results of this batch are not kept any more")
        batch.readings += 1
        lines = tuple(self._lines(batch))
        if batch.readings <= self.rules.results_huge:
            return Reply((huge(b"".join(lines)),), now, encoding="gzip")
        return Reply(lines, now, lost=batch.readings <= self.rules.results_cut)

    def _dice(self, batch: StoredBatch) -> Dice:
        """Draws depend on the order of batches and requests, not on their ids, which differ from run to run."""
        return Dice(self.seed, b"", batch.number)

    def _lines(self, batch: StoredBatch) -> Iterator[bytes]:
        """The results, in no order that a client could rely on."""
        dice = self._dice(batch)
        for number in range(self.rules.foreign):
            yield _line(f"somebody-elses-{number}", {"type": "canceled"})
        for entry in sorted(batch.entries, key=lambda entry: dice.roll(f"order {entry.number}")):
            if dice.roll(f"lacking {entry.number}") < self.rules.lacking:
                continue
            if batch.readings <= self.rules.late_readings and dice.roll(f"late {entry.number}") < self.rules.late:
                continue
            for _ in range(2 if self.rules.twice else 1):
                yield _line(entry.custom_id, entry.result)

    # --- time passes ------------------------------------------------------------------------------------------------

    def _seen(self, batch: StoredBatch, now: float) -> list[Turn]:
        """A call reads its state: the turns that end with it."""
        if batch.ended is not None:
            return []
        batch.looks += 1
        return self._finish(batch, now) if self._is_due(batch, now) else []

    def _is_due(self, batch: StoredBatch, now: float) -> bool:
        worked = now - batch.created >= self.rules.seconds and batch.looks >= self.rules.looks
        return batch.ended is None and (worked or (batch.cancelled or now) < now)

    def _finish(self, batch: StoredBatch, now: float) -> list[Turn]:
        batch.ended = now
        for entry in batch.entries:
            entry.turn.finished = now
            entry.turn.answered = entry.kind == "succeeded"
            entry.turn.status = 200 if entry.kind == "succeeded" else entry.turn.status
            if entry.kind in {"canceled", "expired"}:
                entry.turn.status, entry.turn.cause = None, entry.kind
        return [entry.turn for entry in batch.entries]

    def _archived(self, batch: StoredBatch, now: float) -> bool:
        kept = self.rules.results_kept
        return kept is not None and batch.ended is not None and now - batch.ended >= kept

    def _find(self, batch_id: str) -> StoredBatch:
        batch = next((batch for batch in self._batches if batch.batch_id == batch_id), None)
        if batch is None:
            raise ProtocolError(404, f"There is no batch {batch_id}")
        return batch

    def _json(self, batch: StoredBatch, now: float) -> bytes:
        counts: Counter[str] = Counter()
        if batch.ended is None:
            counts["processing"] = len(batch.entries)
        else:
            counts.update(entry.kind for entry in batch.entries)
        archived = self._archived(batch, now)
        running = "canceling" if batch.cancelled is not None else self.rules.state
        fields = {
            "id": batch.batch_id,
            "type": "message_batch",
            "processing_status": running if batch.ended is None else "ended",
            "request_counts": {
                kind: counts[kind] for kind in ("processing", "succeeded", "errored", "canceled", "expired")
            },
            "created_at": _moment(batch.created),
            "expires_at": _moment(batch.created, _EXPIRES),
            "ended_at": _moment(batch.ended),
            "cancel_initiated_at": _moment(batch.cancelled),
            "archived_at": _moment(batch.ended) if archived else None,
            "results_url": None if batch.ended is None or archived else f"{BATCHES}/{batch.batch_id}/results",
        }
        return json.dumps(fields).encode()


def _moment(at: float | None, later: timedelta = timedelta()) -> str | None:
    return None if at is None else (datetime.fromtimestamp(at, UTC) + later).isoformat()


def _line(custom_id: str, result: Mapping[str, Any]) -> bytes:
    return json.dumps({"custom_id": custom_id, "result": result}).encode() + b"\n"
