"""The backend `anthropic`: any server that speaks the Messages API, through the official SDK.

Nothing comes from the environment: key and address are passed explicitly, and the SDK's default headers, which would
add some from there, are fixed once. One request is one HTTP request: retries are the policy's decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anthropic
import httpx2

from waves.backends.answers.envelope import envelope_of, read_document, usage_of
from waves.backends.answers.interpret import NO_MESSAGE, interpret_envelope
from waves.backends.anthropic.client import new_async_client
from waves.backends.anthropic.errors import error_in, error_of, outcome_of
from waves.backends.anthropic.limits import meters_of
from waves.backends.api_key import unusable
from waves.backends.prompt import Prompt
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Answer, Ask, Outcome, Retryable


def open_backend(config: BackendConfig, rubric: Rubric) -> AnthropicBackend:
    """Makes no request. Without a usable key every `ask` is Fatal."""
    return AnthropicBackend(config, rubric)


class AnthropicBackend:
    """See `waves.backends.Backend`. Opened and used inside one event loop."""

    def __init__(self, config: BackendConfig, rubric: Rubric) -> None:
        self._config = config
        self._rubric = rubric
        self._prompt = Prompt(rubric, config.max_tokens)
        self._fault = unusable(config)
        self._client = new_async_client(config)

    async def ask(self, ask: Ask, received: Callable[[Answer], None]) -> Outcome:
        if self._fault is not None:
            return self._fault
        try:
            async with asyncio.timeout(self._config.timeout):
                response = await self._client.post(
                    "/v1/messages", cast_to=httpx2.Response, content=self._prompt.body(ask)
                )
        except TimeoutError:
            return Retryable("timeout", f"no answer within {self._config.timeout:g} s", maybe_paid=True)
        except anthropic.AnthropicError as error:
            return outcome_of(error, self._config)
        raw = response.content.decode("utf-8", "backslashreplace")
        document = read_document(raw)
        if (reported := error_in(document)) is not None:
            return outcome_of(error_of(reported, response.headers), self._config)
        envelope = envelope_of(document)
        if envelope is None:
            return NO_MESSAGE
        usage, meters = usage_of(envelope), meters_of(response.headers)
        received(Answer(ask.call_id, response.status_code, raw, usage, meters))
        await asyncio.sleep(0)  # the answer leaves this process before it is interpreted
        return interpret_envelope(envelope, self._rubric, [short_id for short_id, _ in ask.items], ask.strict)

    async def close(self) -> None:
        await self._client.close()
