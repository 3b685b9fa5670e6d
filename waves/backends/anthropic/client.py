"""The SDK's clients as this project uses them: nothing is taken from the environment, nothing is retried, no redirect
is followed, and no answer of any length is held in memory.
"""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic._base_client import BaseClient

from waves.backends.anthropic.bounded_http import BoundedAsyncClient, BoundedClient
from waves.config.project import BackendConfig

_DEFAULT_URL = "https://api.anthropic.com"
_TLS = httpx2.create_ssl_context()  # here, so that the forkserver reads the certificates and no worker has to
_CONNECTIONS = httpx2.Limits(max_connections=10_000, max_keepalive_connections=10_000, keepalive_expiry=30)


class _OwnHeaders(BaseClient[Any, Any]):
    key_header: dict[str, str]

    @property
    def auth_headers(self) -> dict[str, str]:
        """The key in the header that the configuration names; the SDK itself knows `Authorization` alone."""
        return self.key_header

    @cached_property
    def default_headers(self) -> dict[str, str | anthropic.Omit]:
        """The SDK's headers without `ANTHROPIC_CUSTOM_HEADERS`, built once: the SDK builds them for each request."""
        self._custom_headers = {}
        return super().default_headers


class _AsyncClient(_OwnHeaders, anthropic.AsyncAnthropic):
    pass


class _Client(_OwnHeaders, anthropic.Anthropic):
    pass


def new_async_client(config: BackendConfig) -> anthropic.AsyncAnthropic:
    """For many requests at a time in one event loop."""
    http = BoundedAsyncClient(limits=_CONNECTIONS, **_http_options(config))
    client = _AsyncClient(http_client=http, **_sdk_options(config))
    client.key_header = _key_header(config)
    return client


def new_client(config: BackendConfig) -> anthropic.Anthropic:
    """For one call after the other."""
    http = BoundedClient(**_http_options(config))  # the SDK's default client would use a proxy even for loopback
    client = _Client(http_client=http, **_sdk_options(config))
    client.key_header = _key_header(config)
    return client


def _key_header(config: BackendConfig) -> dict[str, str]:
    key = config.api_key or "none"
    return {"X-Api-Key": key} if config.auth == "x-api-key" else {"Authorization": f"Bearer {key}"}


def _sdk_options(config: BackendConfig) -> dict[str, Any]:
    return {
        "api_key": config.api_key or "none",  # never None: the SDK would look for one in the environment
        "base_url": _url(config),
        "timeout": config.timeout,
        "max_retries": 0,
        "open_telemetry": False,
    }


def _http_options(config: BackendConfig) -> dict[str, Any]:
    return {
        "verify": _TLS,
        "timeout": config.timeout,
        "follow_redirects": False,  # a redirect would take row text to another address
        "trust_env": not _is_loopback(_url(config)),  # a proxy of the environment is no way to this machine
    }


def _url(config: BackendConfig) -> str:
    return config.base_url or _DEFAULT_URL


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
