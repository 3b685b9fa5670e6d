"""The provider behind the HTTP server: takes a request, decides its answer by the scenario, and counts its use.

`arrive` reads a request, `plan` decides and renders its answer; the server only waits and delivers. Knows no sockets,
so its behaviour is a function of the scenario, the seed and the order of requests.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import blake2b
from typing import Any, Literal

from waves.rehearsal import replies, verdicts
from waves.rehearsal.batch_requests import Kind, process
from waves.rehearsal.batches import BATCHES, BatchStore
from waves.rehearsal.faults import STATUS_FAULTS, Dice, FaultPlan, is_down, plan_faults
from waves.rehearsal.limits import RateLimits
from waves.rehearsal.protocol import LARGEST_REQUEST, ParsedRequest, ProtocolError, read_request, refuse_longer_answer
from waves.rehearsal.record import Turn
from waves.rehearsal.scenarios import Scenario
from waves.rehearsal.usage import PromptCache, count_tokens

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
MODELS = "/v1/models"
_METHODS = {MESSAGES: "POST", COUNT: "POST", MODELS: "GET"}


@dataclass(frozen=True, slots=True)
class Response:
    """What to send, and when: `latency` seconds after the arrival. A single piece is sent with its length, several as a
    stream. `ending`: hang = send nothing; endless = send the last piece until the client leaves; reset = send half and
    reset; die = the process ends at once. `taken_in` and `ended` are requests of batches, to be recorded with this
    one."""

    status: int
    pieces: tuple[bytes, ...]
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0
    ending: Literal["answer", "hang", "endless", "reset", "die"] = "answer"
    taken_in: Sequence[Turn] = ()
    ended: Sequence[Turn] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has arrived: its record, and what was read from it, or the error; None if nothing is read."""

    turn: Turn
    body: bytes
    asked: ParsedRequest | ProtocolError | None
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)


class Provider:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._limits = RateLimits(scenario)
        self._cache = PromptCache(scenario.cache_minimum, scenario.cache_ttl)
        self._run = secrets.token_hex(4)  # distinguishes the requests of two servers that share a record
        self._arrivals = 0
        self._messages = 0
        self._first = 0.0
        self._seen: Counter[bytes] = Counter()
        self._batch_calls = 0
        self._began = time.monotonic()
        self._batches = BatchStore(scenario.batches, self._run, self._in_a_batch, seed)
        self._random = bool(scenario.faults or scenario.latency.kind != "fixed")

    def arrive(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        in_flight: int,
        query: Mapping[str, str] | None = None,
    ) -> Exchange:
        self._arrivals += 1
        turn = Turn(f"req_{self._run}{self._arrivals:08d}", path, time.time(), in_flight)
        try:
            asked = self._understand(method, path, headers, body)
        except ProtocolError as error:
            return Exchange(turn, body, error)
        if asked is not None:
            turn.model, turn.stream, turn.system, turn.items = asked.model, asked.stream, asked.system, asked.items
        return Exchange(turn, body, asked, method, query or {})

    def plan(self, exchange: Exchange) -> Response:
        turn = exchange.turn
        match exchange.asked:
            case ProtocolError() as error:
                return self._refuse(turn, error, {})
            case None if turn.path.startswith(BATCHES):
                return self._plan_batches(exchange)
            case None:
                return self._reply(turn, replies.models_json(), {})
            case ParsedRequest() as asked if turn.path == COUNT:
                return self._reply(turn, b'{"input_tokens": %d}' % count_tokens(asked.segments), {})
            case ParsedRequest() as asked:
                return self._plan_message(turn, asked, exchange.body)

    def _understand(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> ParsedRequest | None:
        batches = path == BATCHES or path.startswith(f"{BATCHES}/")
        if len(body) > LARGEST_REQUEST and not batches:
            raise ProtocolError(413, "Request exceeds the maximum size")
        if not batches and _METHODS.get(path) != method:
            raise ProtocolError(404, "Not found")
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        if not key or key in self._scenario.invalid_keys:
            raise ProtocolError(401, "invalid bearer token")
        if path == MODELS or batches:
            return None
        asked = read_request(body, headers.get("anthropic-version", ""), counting=path == COUNT)
        refuse_longer_answer(asked, self._scenario.longest_answer)
        return asked

    def _plan_message(self, turn: Turn, asked: ParsedRequest, body: bytes) -> Response:
        now = time.monotonic()
        self._first = self._first or now
        self._messages += 1
        if self._scenario.dies_after is not None and self._messages > self._scenario.dies_after:
            return Response(0, (), ending="die")
        decision = plan_faults(
            self._scenario,
            self._dice(body),
            model=asked.model,
            items=asked.items,
            number=self._messages,
            elapsed=now - self._first,
        )
        if decision.cause != "down":
            try:
                self._limits.admit(len(asked.items) or 1, turn.started)
            except ProtocolError as error:
                turn.fault, turn.cause = "429", "quota"
                headers = self._limits.headers(turn.started, refused=True)
                return self._refuse(turn, error, _retry_after(headers, self._limits.retry_after(turn.started)))
        turn.fault, turn.cause = decision.fault, decision.cause
        turn.item_faults = dict(decision.items)
        return self._carry_out(turn, asked, decision)

    def _plan_batches(self, exchange: Exchange) -> Response:
        """`down` applies to these calls too; they are counted apart from messages."""
        turn = exchange.turn
        self._batch_calls += 1
        for down in self._scenario.down:
            if is_down(down, "", self._batch_calls, time.monotonic() - self._began):
                turn.fault, turn.cause = down.fault, "down"
                if down.fault not in STATUS_FAULTS:
                    return Response(200, (b"{}",), ending="hang" if down.fault == "hang" else "reset")
                error = ProtocolError(int(down.fault), f"The scenario asks for {down.fault}")
                return self._refuse(turn, error, _retry_after({}, self._scenario.retry_after))
        try:
            reply = self._batches.call(exchange.method, turn.path, exchange.query, exchange.body, turn.started)
        except ProtocolError as error:
            return self._refuse(turn, error, {})
        headers = {"date": formatdate(reply.at, usegmt=True)}
        if reply.encoding is not None:
            headers["content-encoding"] = reply.encoding
        ending: Literal["answer", "reset"] = "reset" if reply.lost else "answer"
        return Response(
            200, reply.pieces or (b"",), headers=headers, ending=ending, taken_in=reply.taken_in, ended=reply.ended
        )

    def _in_a_batch(self, parameters: Mapping[str, Any], batch_id: str) -> tuple[Turn, Kind, Mapping[str, Any]]:
        """One request of a batch: decided and answered as any other, but nothing is sent now."""
        self._arrivals += 1
        turn = Turn(f"req_{self._run}{self._arrivals:08d}", MESSAGES, time.time(), 1, batch=batch_id)
        kind, result = process(self._scenario, parameters, turn, self._dice, self._message)
        return turn, kind, result

    def _dice(self, body: bytes) -> Dice:
        if not self._random:
            return Dice(self._seed, b"", 0)
        digest = blake2b(body, digest_size=16).digest()
        self._seen[digest] += 1
        return Dice(self._seed, digest, self._seen[digest])

    def _carry_out(self, turn: Turn, asked: ParsedRequest, decision: FaultPlan) -> Response:
        fault, latency = decision.fault, decision.latency
        if fault in STATUS_FAULTS:
            error = ProtocolError(int(fault), self._scenario.message or f"The scenario asks for {fault}")
            retry_after = self._scenario.retry_after if fault in {"429", "503", "529"} else None
            return self._refuse(turn, error, _retry_after(self._limits.headers(turn.started), retry_after), latency)
        if fault == "hang":
            return Response(0, (), ending="hang")
        if fault in replies.NO_MESSAGE:
            kind, body = replies.NO_MESSAGE[fault]
            ending: Literal["answer", "endless", "reset"] = "endless" if fault == "endless_body" else "answer"
            return Response(200, (body,), kind, self._limits.headers(turn.started), latency, ending)
        message = self._message(turn, asked, decision)
        headers = self._limits.headers(turn.started)
        ending = "reset" if fault == "reset" else "answer"
        if fault == "huge_body":
            body = replies.huge(replies.message_json(message))
            return Response(200, (body,), headers={**headers, "content-encoding": "gzip"}, latency=latency)
        if asked.stream:
            return Response(200, tuple(replies.message_events(message)), "text/event-stream", headers, latency, ending)
        return Response(200, (replies.message_json(message),), headers=headers, latency=latency, ending=ending)

    def _message(self, turn: Turn, asked: ParsedRequest, decision: FaultPlan) -> replies.Message:
        content, output_tokens, stop_reason = verdicts.content(asked, decision, brain=self._scenario.brain)
        billed = self._cache.bill(asked.model, asked.segments, turn.started)
        self._limits.book(billed.total, output_tokens)
        turn.input_tokens, turn.output_tokens = billed.uncached, output_tokens
        turn.cache_write_tokens, turn.cache_read_tokens = billed.written, billed.read
        return replies.Message(
            message_id=turn.request_id.replace("req_", "msg_"),
            model=replies.model_name(asked.model),
            content=content,
            stop_reason=stop_reason,
            billed=billed,
            output_tokens=output_tokens,
        )

    def _refuse(self, turn: Turn, error: ProtocolError, headers: Mapping[str, str], latency: float = 0.0) -> Response:
        body = replies.error_json(error.status, error.message, turn.request_id, error.error_code)
        return Response(error.status, (body,), headers=headers, latency=latency)

    def _reply(self, turn: Turn, body: bytes, headers: Mapping[str, str]) -> Response:
        return Response(200, (body,), headers=headers or self._limits.headers(turn.started))


def _retry_after(headers: Mapping[str, str], seconds: float | None) -> Mapping[str, str]:
    return headers if seconds is None else {**headers, "retry-after": f"{seconds:g}"}
