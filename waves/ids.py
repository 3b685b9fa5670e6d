"""Moments and names: now in UTC, and ids that sort by time, e.g. `20261120T230003Z-7f3a`."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def new_wave_id() -> str:
    return f"{now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def new_run_id() -> str:
    return f"{now():%Y%m%dT%H%M%SZ}-run-{secrets.token_hex(4)}"


def new_call_id() -> str:
    """Unique across fires and hosts: the ledger's primary key."""
    return secrets.token_hex(8)
