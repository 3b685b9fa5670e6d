"""No more of an answer is held in memory than the longest that a model can give, whatever its status and its length."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from waves.backends.anthropic.backend import open_backend
from waves.backends.message_batches.service import MessageBatches
from waves.backends.message_batches.wire import Problem
from waves.config.project import BackendConfig
from waves.config.rubric import newest
from waves.outcomes import Ask, Outcome, Retryable

TOO_LONG = Retryable("outage", "the answer is longer than 8 MiB", maybe_paid=True)
RUBRIC = newest(Path(__file__).parents[3] / "prompts" / "comment_classifier")
BLANKS = b" " * 2**20


class Long(BaseHTTPRequestHandler):
    """`/<status>/<what>/…`: a body that is `packed`, or `endless`."""

    def do_GET(self) -> None:
        _, status, what, *_ = self.path.split("/")
        self.send_response(int(status))
        self.send_header("content-type", "application/json")
        if what == "packed":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        with suppress(ConnectionError):
            if what == "packed":
                self.wfile.write(_packed())
            while what == "endless":
                self.wfile.write(BLANKS)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        pass


@cache
def _packed() -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return b"".join([*(packer.compress(BLANKS) for _ in range(100)), packer.flush()])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Long) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20


def config(url: str) -> BackendConfig:
    return BackendConfig("mine", "anthropic", ("m",), url, "MY_KEY", "key", timeout=20.0)


@pytest.mark.parametrize("what", ["200/packed", "200/endless", "400/packed", "529/endless", "302/packed"])
def test_of_the_messages_api(what: str, url: str) -> None:
    async def ask() -> Outcome:
        backend = open_backend(config(f"{url}/{what}"), RUBRIC)
        try:
            return await backend.ask(Ask("call-1", "m", (("1", {"content": "x"}),)), lambda _: None)
        finally:
            await backend.close()

    assert asyncio.run(ask()) == TOO_LONG


@pytest.mark.parametrize("what", ["200/packed", "200/endless", "404/packed"])
def test_of_the_state_of_a_batch(what: str, url: str) -> None:
    with closing(MessageBatches(config(f"{url}/{what}"))) as provider:
        assert provider.look("b1") == Problem(TOO_LONG, arrived=True)


@pytest.mark.parametrize("what", ["200/packed", "200/endless", "404/packed"])
def test_of_the_results_of_a_batch(what: str, url: str) -> None:
    with closing(MessageBatches(config(f"{url}/{what}"))) as provider:
        for result in provider.results("b1"):
            last = result
    assert last == Problem(TOO_LONG, arrived=True)
