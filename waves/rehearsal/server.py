"""The stand-in provider: a real HTTP server on loopback that speaks the Messages API. A rehearsal, no language model.

`serve` runs it until it is stopped; `Rehearsal` is the server for callers with an event loop of their own. Each request
takes the same path: arrive, plan (everything is decided at once), wait for the latency, deliver, record.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import web
from multidict import CIMultiDict

from waves.errors import ConfigurationError
from waves.rehearsal.provider import Provider, Response
from waves.rehearsal.record import Record, Turn
from waves.rehearsal.replies import NOTICE
from waves.rehearsal.scenarios import Scenario

LOOPBACK = "127.0.0.1"
_BACKLOG = 1024
_SHUTDOWN_TIMEOUT = 0.01  # seconds; the requests in flight have ended before
_ENDED_BY_SCENARIO = 1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class Mailbox:
    """A request that waits for its answer, and the answer that it will be given."""

    turn: Turn
    answer: Response


class Swaps:
    """Exchanges the answers of the first `pairs` pairs of requests that wait at the same time, where both are messages
    without another fault. Each of them is `swapped` in the record."""

    def __init__(self, pairs: int) -> None:
        self._left = pairs
        self._alone: list[Mailbox] = []

    @contextlib.contextmanager
    def waiting(self, box: Mailbox) -> Iterator[Mailbox]:
        """While the answer of this request is on its way."""
        if self._left and _is_good_message(box):
            self._meet(box)
        try:
            yield box
        finally:
            if box in self._alone:
                self._alone.remove(box)

    def _meet(self, box: Mailbox) -> None:
        if not self._alone:
            self._alone.append(box)
            return
        other = self._alone.pop()
        box.answer, other.answer = other.answer, box.answer
        for turn in (box.turn, other.turn):
            turn.fault, turn.cause = "swapped", "swap"
        self._left -= 1


def _is_good_message(box: Mailbox) -> bool:
    """It was produced, so it has tokens."""
    return bool(box.turn.items and box.turn.output_tokens) and box.turn.fault is None


class Rehearsal:
    """`start` once, then `stop` once. `url` is valid in between."""

    def __init__(self, scenario: Scenario, *, seed: int = 0, record: Path | None = None) -> None:
        self._provider = Provider(scenario, seed)
        self._record = Record(record) if record is not None else None
        self._swaps = Swaps(scenario.swaps)
        self._in_flight: set[asyncio.Task[Any] | None] = set()
        self._stopping = False
        self._runner: web.ServerRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> str:
        """Listens and returns the URL. Raises ConfigurationError when the port is taken or not allowed."""
        # With cancellation the record notes at once that a client is gone, and not after the latency.
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, port, backlog=_BACKLOG).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"cannot listen on {LOOPBACK}, port {port}: {error}", "choose another --port, or 0 for any"
            ) from None
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Ends the requests in flight without an answer, and closes the record."""
        self._stopping = True
        in_flight = [task for task in self._in_flight if task is not None]
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._record is not None:
            self._record.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        arrived = time.monotonic()
        exchange = self._provider.arrive(
            request.method, request.path, request.headers, body, len(self._in_flight) + 1, request.query
        )
        with self._recorded(exchange.turn):
            plan = self._provider.plan(exchange)
            self._note_batches(plan)
            if plan.ending == "die":
                os._exit(_ENDED_BY_SCENARIO)
            if plan.ending == "hang":
                await asyncio.Future()
            with self._swaps.waiting(Mailbox(exchange.turn, plan)) as box:
                await asyncio.sleep(max(0.0, arrived + plan.latency - time.monotonic()))
            return await self._deliver(request, box.answer, exchange.turn)

    def _note_batches(self, plan: Response) -> None:
        """The requests of a batch arrive and end with calls that are about the batch."""
        if self._record is not None:
            for turn in plan.taken_in:
                self._record.arrived(turn)
            for turn in plan.ended:
                self._record.ended(turn)

    @contextlib.contextmanager
    def _recorded(self, turn: Turn) -> Iterator[None]:
        """Counts the request among those in flight, and records its arrival and its end in any case."""
        task = asyncio.current_task()
        self._in_flight.add(task)
        if self._record is not None:
            self._record.arrived(turn)
        try:
            yield
        except asyncio.CancelledError:
            turn.client_gone = not self._stopping and not turn.cut
            raise
        finally:
            self._in_flight.discard(task)
            turn.finished = time.time()
            if self._record is not None:
                self._record.ended(turn)

    async def _deliver(self, request: web.BaseRequest, plan: Response, turn: Turn) -> web.StreamResponse:
        headers = CIMultiDict(plan.headers)
        headers["content-type"] = plan.content_type
        headers["request-id"] = turn.request_id
        headers["server"] = NOTICE
        turn.status = plan.status
        response: web.StreamResponse
        if len(plan.pieces) == 1 and plan.ending == "answer":
            response = web.Response(status=plan.status, body=plan.pieces[0], headers=headers)
        else:
            response = web.StreamResponse(status=plan.status, headers=headers)
        try:
            await response.prepare(request)
            if plan.ending == "reset":
                await _cut(request, response, b"".join(plan.pieces), turn)
            elif plan.ending == "endless":
                while True:
                    await response.write(plan.pieces[-1])
            elif not isinstance(response, web.Response):
                for piece in plan.pieces:
                    await response.write(piece)
            await response.write_eof()
            turn.answered = True
        except ConnectionError:
            turn.client_gone = True  # aiohttp will get the same error, and close the connection
        return response


async def _cut(request: web.BaseRequest, response: web.StreamResponse, whole: bytes, turn: Turn) -> NoReturn:
    """Half of the answer, then a reset of the connection. Ends by cancellation, as when a client leaves."""
    await response.write(whole[: len(whole) // 2])
    turn.cut = True
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    await asyncio.Future()
    raise AssertionError  # unreachable: nothing completes this future


def serve(
    scenario: Scenario,
    *,
    port: int = 0,
    seed: int = 0,
    record: Path | None = None,
    until_stdin_closes: bool = False,
    ready: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> None:
    """Runs the stand-in until SIGTERM, SIGINT or, with `until_stdin_closes`, the end of stdin. `ready` gets `{"url",
    "notice", "seed", "pid"}` once it listens. Raises ConfigurationError (port) or DiskError (record)."""
    asyncio.run(_serve(Rehearsal(scenario, seed=seed, record=record), port, seed, until_stdin_closes, ready))


async def _serve(
    rehearsal: Rehearsal, port: int, seed: int, until_stdin_closes: bool, ready: Callable[[Mapping[str, Any]], None]
) -> None:
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    url = await rehearsal.start(port)
    if until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(loop, told_to_stop), daemon=True).start()
    ready({"url": url, "notice": NOTICE, "seed": seed, "pid": os.getpid()})
    await told_to_stop.wait()
    await rehearsal.stop()


def _watch_stdin(loop: asyncio.AbstractEventLoop, told_to_stop: asyncio.Event) -> None:
    """A thread and not the loop: a loop can wait for pipes only, and stdin may be a file or a terminal."""
    with contextlib.suppress(OSError):
        while os.read(0, 65536):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(told_to_stop.set)
