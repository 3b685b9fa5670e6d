"""The client of a provider's batches over real HTTP: what it reads, and how it reports failures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import Batch, BatchResult, Listing, Problem
from waves.config.project import BackendConfig
from waves.ids import now
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.rehearsal.scenarios import Scenario
from waves.rehearsal.server import Rehearsal

BODY = json.dumps({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).encode()
REQUESTS = [(f"00112233aabbccdd-{n}", BODY) for n in range(3)]
Connect = Callable[..., MessageBatches]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """`connect(**scenario)`: a client of a provider that goes by it."""
    with contextlib.ExitStack() as stack:

        def build(key: str = "any", **scenario: Any) -> MessageBatches:
            url = stack.enter_context(_served(Scenario.model_validate(scenario), tmp_path / "record.jsonl"))
            return _client(stack, url, key)

        yield build


def _client(stack: contextlib.ExitStack, url: str, key: str = "any") -> MessageBatches:
    config = BackendConfig("mine", "message_batches", ("m",), url, "MY_KEY", key, timeout=2.0)
    return stack.enter_context(contextlib.closing(MessageBatches(config)))


@contextlib.contextmanager
def _served(scenario: Scenario, record: Path) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    provider = Rehearsal(scenario, record=record)
    try:
        yield asyncio.run_coroutine_threadsafe(provider.start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(provider.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def made(provider: MessageBatches) -> Batch:
    batch = provider.submit(REQUESTS)
    assert isinstance(batch, Batch)
    return batch


def test_what_is_handed_over_comes_back_by_its_custom_ids(connect: Connect) -> None:
    provider = connect()
    batch = made(provider)
    assert (batch.ended, batch.requests) == (True, 3)
    results = list(provider.results(batch.batch_id))
    assert all(isinstance(result, BatchResult) for result in results)
    assert sorted(result.custom_id for result in results if isinstance(result, BatchResult) and result.raw) == [
        n for n, _ in REQUESTS
    ]


def test_a_listing_reaches_back_to_its_moment_over_all_pages(connect: Connect) -> None:
    provider = connect(batches={"page": 2})
    ids = [made(provider).batch_id for _ in range(5)]
    listing = provider.since(now() - timedelta(minutes=5))
    assert isinstance(listing, Listing)
    assert [batch.batch_id for batch in listing.batches] == ids[::-1]
    later = provider.since(now() + timedelta(minutes=5))
    assert isinstance(later, Listing)
    assert later.batches == ()


def test_a_listing_whose_pages_never_end_ends_where_they_tell_nothing_new() -> None:
    page = {"has_more": True, "data": [{"id": "b1", "created_at": now().isoformat(), "processing_status": "ended"}]}

    class Stuck(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with contextlib.ExitStack() as stack, HTTPServer(("127.0.0.1", 0), Stuck) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            listing = _client(stack, f"http://127.0.0.1:{server.server_port}").since(now() - timedelta(minutes=5))
        finally:
            server.shutdown()
            thread.join()
    assert isinstance(listing, Listing)
    assert [batch.batch_id for batch in listing.batches] == ["b1"]


def test_the_clock_is_the_providers(connect: Connect) -> None:
    moment = connect(batches={"clock": 86400}).clock()
    assert not isinstance(moment, Problem)
    assert abs(moment - now() - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("scenario", "outcome", "arrived"),
    [
        ({"down": [{"fault": "429"}]}, Snoozed, False),
        ({"down": [{"fault": "401"}]}, Fatal, False),
        ({"down": [{"fault": "403"}]}, Fatal, False),
        ({"down": [{"fault": "400"}]}, Discarded, False),
        ({"down": [{"fault": "413"}]}, Discarded, False),
        ({"down": [{"fault": "500"}]}, Retryable, True),
        ({"down": [{"fault": "529"}]}, Retryable, True),
        ({"down": [{"fault": "reset"}]}, Retryable, True),
        ({"down": [{"fault": "hang"}]}, Retryable, True),
        ({"batches": {"replies_lost": 1}}, Retryable, True),
        ({"batches": {"requests_lost": 1}}, Retryable, True),
    ],
    ids=str,
)
def test_a_submission_that_fails_may_have_arrived_unless_it_was_refused(
    scenario: dict[str, Any], outcome: type[Outcome], arrived: bool, connect: Connect
) -> None:
    problem = connect(**scenario).submit(REQUESTS)
    assert isinstance(problem, Problem)
    assert isinstance(problem.outcome, outcome)
    assert problem.arrived is arrived


def test_where_nobody_listens_nothing_arrived() -> None:
    with contextlib.ExitStack() as stack:
        problem = _client(stack, "http://127.0.0.1:9").submit(REQUESTS)
    assert isinstance(problem, Problem)
    assert not problem.arrived


def test_results_that_break_off_end_with_a_problem_and_what_came_before_stands(connect: Connect) -> None:
    provider = connect(batches={"results_cut": 1})
    batch = made(provider)
    *before, last = provider.results(batch.batch_id)
    assert isinstance(last, Problem)
    assert all(isinstance(result, BatchResult) for result in before)
    again = [result for result in provider.results(batch.batch_id) if isinstance(result, BatchResult)]
    assert len([result for result in again if result.custom_id]) == 3


def test_an_unknown_batch_is_known_to_be_unknown(connect: Connect) -> None:
    problem = connect().look("msgbatch_../../x?y")
    assert isinstance(problem, Problem)
    assert problem.unknown


def test_key_and_address_come_from_the_configuration_alone(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "wrong")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer wrong")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert made(connect(key="right", invalid_keys=["wrong"]))
