"""The backend `anthropic`: any server that speaks the Messages API, through the official SDK.

Nothing comes from the environment: key and address are passed explicitly, and the SDK's own default headers, which
would take some from there, are fixed once. One request is one HTTP request: retries are the policy's.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from functools import cached_property
from urllib.parse import urlsplit

import anthropic
import httpx2

from waves.backends.answers import interpret
from waves.backends.anthropic.errors import outcome_of
from waves.backends.anthropic.limits import meters_of
from waves.backends.api_key import unusable
from waves.backends.prompt import Prompt
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Answer, Ask, Outcome, Retryable

DEFAULT_URL = "https://api.anthropic.com"
TLS = httpx2.create_ssl_context()  # here, so that the forkserver reads the certificates and no worker has to
_CONNECTIONS = httpx2.Limits(max_connections=10_000, max_keepalive_connections=10_000, keepalive_expiry=30)


def open_backend(config: BackendConfig, rubric: Rubric) -> AnthropicBackend:
    """Makes no request. Without a usable key every `ask` is Fatal."""
    return AnthropicBackend(config, rubric)


class AnthropicBackend:
    """See `waves.backends.Backend`. Opened and used inside one event loop."""

    def __init__(self, config: BackendConfig, rubric: Rubric) -> None:
        self._config = config
        self._rubric = rubric
        self._prompt = Prompt(rubric)
        self._fault = unusable(config)
        self._client = new_client(config)

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
        envelope = interpret.read_envelope(raw)
        usage, meters = interpret.usage_of(envelope), meters_of(response.headers)
        received(Answer(ask.call_id, response.status_code, raw, usage, meters))
        await asyncio.sleep(0)  # lets it leave the process before anybody looks into it
        return interpret.judge(envelope, self._rubric, [short_id for short_id, _ in ask.items], ask.strict)

    async def close(self) -> None:
        await self._client.close()


class _Client(anthropic.AsyncAnthropic):
    @cached_property
    def default_headers(self) -> dict[str, str | anthropic.Omit]:
        """The SDK's own headers without `ANTHROPIC_CUSTOM_HEADERS`; built once, where the SDK does so per request."""
        self._custom_headers = {}
        return super().default_headers


def new_client(config: BackendConfig) -> anthropic.AsyncAnthropic:
    url = config.base_url or DEFAULT_URL
    return _Client(
        api_key=config.api_key or "none",  # never None: the SDK would look for one in the environment
        base_url=url,
        timeout=config.timeout,
        max_retries=0,
        open_telemetry=False,
        http_client=anthropic.DefaultAioHttpClient(
            verify=TLS,
            limits=_CONNECTIONS,
            timeout=config.timeout,
            follow_redirects=False,  # a redirect would take row text to another address
            trust_env=not is_loopback(url),  # a proxy of the environment is no way to this machine
        ),
    )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
