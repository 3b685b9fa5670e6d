"""The calls of the Message Batches API: many requests handed over at once, at half the price, answered within a day.

This module knows the provider's calls and nothing of waves. A failed call is a value here, too: a `Problem` with the
outcome from the table of errors in `waves.backends.anthropic.errors`. No call is ever repeated.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import datetime
from urllib.parse import quote

import anthropic
import httpx2

from waves.backends.anthropic.client import new_client
from waves.backends.anthropic.errors import outcome_of
from waves.backends.message_batches.wire import (
    Batch,
    BatchResult,
    Listing,
    Problem,
    batch_of,
    batches_of,
    clock_of,
    lines_of,
    nonsense,
    object_of,
    result_of,
)
from waves.config.project import BackendConfig

MOST_REQUESTS = 100_000
MOST_BYTES = 250_000_000
"""The most that one batch may hold; the provider's own limit is 256 MB."""
_PATH = "/v1/messages/batches"
_PAGE = 100
_BYTES_PER_SECOND = 1_000_000  # the slowest upload that is worth waiting for
_FRAME = len('{"custom_id":"0123456789abcdef-000000","params":},')


def size_of(body: bytes) -> int:
    """The bytes that a request takes in a batch."""
    return len(body) + _FRAME


class MessageBatches:
    """One connection to the provider's batches. Close it after use."""

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self._client = new_client(config)

    def close(self) -> None:
        self._client.close()

    def submit(self, requests: Sequence[tuple[str, bytes]]) -> Batch | Problem:
        """Hand over requests, as (custom id, body). Never repeated: the provider would process both copies."""
        entries = (b'{"custom_id":"%s","params":%s}' % (custom_id.encode(), body) for custom_id, body in requests)
        content = b'{"requests":[' + b",".join(entries) + b"]}"
        timeout = self._config.timeout + len(content) / _BYTES_PER_SECOND
        try:
            response = self._client.post(_PATH, cast_to=httpx2.Response, content=content, options={"timeout": timeout})
        except anthropic.AnthropicError as error:
            return self._problem(error)
        return batch_of(object_of(response), clock_of(response)) or nonsense("no batch")

    def look(self, batch_id: str) -> Batch | Problem:
        response = self._get(_path(batch_id))
        if isinstance(response, Problem):
            return response
        return batch_of(object_of(response), clock_of(response)) or nonsense("no batch")

    def cancel(self, batch_id: str) -> Batch | Problem:
        try:
            response = self._client.post(_path(batch_id) + "/cancel", cast_to=httpx2.Response)
        except anthropic.AnthropicError as error:
            return self._problem(error)
        return batch_of(object_of(response), clock_of(response)) or nonsense("no batch")

    def clock(self) -> datetime | Problem:
        """The time by the provider's clock; a Problem also shows whether it accepts our key."""
        response = self._get(f"{_PATH}?limit=1")
        return response if isinstance(response, Problem) else clock_of(response)

    def since(self, moment: datetime) -> Listing | Problem:
        """The batches that were created at that moment or later, the newest first, read page by page. A page without
        a new batch is the last, even if it claims that there are more."""
        batches: dict[str, Batch] = {}
        after = ""
        while True:
            response = self._get(f"{_PATH}?limit={_PAGE}{after}")
            if isinstance(response, Problem):
                return response
            page = object_of(response)
            listed = batches_of(page, clock_of(response))
            if listed is None:
                return nonsense("no list of batches")
            new = [batch for batch in listed if batch.batch_id not in batches]
            batches |= {batch.batch_id: batch for batch in new}
            if page.get("has_more") is not True or not new or new[-1].created_at < moment:
                recent = tuple(batch for batch in batches.values() if batch.created_at >= moment)
                return Listing(recent, clock_of(response))
            after = f"&after_id={quote(new[-1].batch_id, safe='')}"

    def results(self, batch_id: str) -> Generator[BatchResult | Problem]:
        """How each request ended, in no order, as the lines arrive; a Problem at the end if the stream broke off."""
        try:
            stream = self._client.get(
                _path(batch_id) + "/results", cast_to=object, stream=True, stream_cls=anthropic.Stream[object]
            )
            with closing(stream.response):
                for line in lines_of(stream.response.iter_bytes(), stream.response.request):
                    yield result_of(line, self._config)
        except anthropic.AnthropicError as error:
            yield self._problem(error)
        except httpx2.HTTPError as error:
            yield nonsense(f"the results broke off: {type(error).__name__}")

    def _get(self, path: str) -> httpx2.Response | Problem:
        try:
            return self._client.get(path, cast_to=httpx2.Response)
        except anthropic.AnthropicError as error:
            return self._problem(error)

    def _problem(self, error: anthropic.AnthropicError) -> Problem:
        unknown = isinstance(error, anthropic.NotFoundError)
        return Problem(outcome_of(error, self._config), _may_have_arrived(error), unknown)


def _path(batch_id: str) -> str:
    return f"{_PATH}/{quote(batch_id, safe='')}"


def _may_have_arrived(error: anthropic.AnthropicError) -> bool:
    """Whether the call may have done its work in spite of this error. A plain refusal means no; a failure of the
    provider itself, or a connection that broke after it was open, leaves it open."""
    if isinstance(error, anthropic.APIStatusError):
        return isinstance(error, anthropic.InternalServerError | anthropic.RequestTimeoutError)
    return not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
