"""HTTP clients that hold no more of an answer than MOST_BYTES: a gateway may send any number of bytes, and a few that
are compressed become very many.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import Any

import anthropic
import httpx2

from waves.backends.answers.envelope import MOST_BYTES, TOO_LONG


class AnswerTooLongError(anthropic.APIConnectionError):
    """The SDK passes its own errors on as they are."""

    def __init__(self, request: httpx2.Request) -> None:
        super().__init__(message=TOO_LONG, request=request)


class BoundedClient(httpx2.Client):
    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:  # noqa: ANN401
        response = super().send(request, stream=True, **options)
        if stream and response.is_success:  # the SDK reads the bodies of all others as a whole
            return response
        body = _Body(response)
        with closing(response):
            for piece in response.iter_bytes():
                body.add(piece)
        return body.response()


class BoundedAsyncClient(anthropic.DefaultAioHttpClient):
    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:  # noqa: ANN401
        response = await super().send(request, stream=True, **options)
        if stream and response.is_success:
            return response
        body = _Body(response)
        async with aclosing(response), aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                body.add(piece)
        return body.response()


class _Body:
    """What was read of the body of a response."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._pieces: list[bytes] = []
        self._bytes_left = MOST_BYTES

    def add(self, piece: bytes) -> None:
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            raise AnswerTooLongError(self._response.request)
        self._pieces.append(piece)

    def response(self) -> httpx2.Response:
        """The same response with its whole body, unpacked."""
        whole = self._response
        whole.headers.pop("content-encoding", None)
        return httpx2.Response(
            whole.status_code,
            headers=whole.headers,
            content=b"".join(self._pieces),
            request=whole.request,
            extensions=whole.extensions,
        )
