"""The message of the Messages API around the text of an answer, read with care: anything may be missing or strange."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from waves.models import Usage

Envelope = Mapping[str, Any] | None
"""The message, or None if the answer is something else."""

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of one answer once it is unpacked: 128,000 tokens of 64 bytes each. More is no answer of a model."""
TOO_LONG = f"the answer is longer than {MOST_BYTES // 2**20} MiB"

_MAX_TOKENS = 10**9
"""Tokens of one request; a larger count is not believed."""


def read_document(raw: str) -> Mapping[str, Any] | None:
    """The object that a body holds; None if it holds something else, e.g. the page of a proxy."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def envelope_of(document: Mapping[str, Any] | None) -> Envelope:
    """The document if it is a message. Anything else is no answer of a model, whatever its status says."""
    if document is None or document.get("type", "message") != "message":
        return None
    return document if isinstance(document.get("content"), list) else None


def read_envelope(raw: str) -> Envelope:
    return envelope_of(read_document(raw))


def usage_of(envelope: Envelope) -> Usage:
    """The tokens that the provider counted; None in a class that it does not report."""
    usage = (envelope or {}).get("usage")
    if not isinstance(usage, dict):
        return Usage()
    written = usage.get("cache_creation")
    return Usage(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cache_write=_count(usage, "cache_creation_input_tokens"),
        cache_read=_count(usage, "cache_read_input_tokens"),
        cache_write_1h=_count(written, "ephemeral_1h_input_tokens") if isinstance(written, dict) else None,
    )


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    """An impossible count is treated as missing: it goes into the journal, and the ledger must accept it."""
    count = usage.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MAX_TOKENS else None


def text_of(message: Mapping[str, Any]) -> str:
    """The text blocks, joined."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))
