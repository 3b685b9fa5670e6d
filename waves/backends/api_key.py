"""Whether a backend's key can be used at all; checked before anything is sent, without importing an SDK."""

from __future__ import annotations

from waves.config.project import BackendConfig
from waves.outcomes import Fatal


def unusable(config: BackendConfig) -> Fatal | None:
    """Why no request can succeed, known before the first is sent: there is no key, or no header can carry it."""
    hint = f"set {config.api_key_env} in the environment of this command and of cron"
    if not config.api_key:
        return Fatal("credentials", f"backend {config.name}: no API key: {config.api_key_env} is not set", hint)
    if not (config.api_key.isascii() and config.api_key.isprintable() and " " not in config.api_key):
        message = f"backend {config.name}: {config.api_key_env} holds blanks, line breaks or non-ASCII characters"
        return Fatal("credentials", message, hint)
    return None
