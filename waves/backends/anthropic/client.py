"""The SDK's client as this project uses it: nothing is taken from the environment, nothing is retried, no redirect is
followed.
"""

from __future__ import annotations

import ipaddress
from functools import cached_property
from urllib.parse import urlsplit

import anthropic
import httpx2

from waves.config.project import BackendConfig

DEFAULT_URL = "https://api.anthropic.com"
TLS = httpx2.create_ssl_context()  # here, so that the forkserver reads the certificates and no worker has to
_CONNECTIONS = httpx2.Limits(max_connections=10_000, max_keepalive_connections=10_000, keepalive_expiry=30)


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
