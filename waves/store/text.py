"""Text that PostgreSQL can hold: U+0000 and lone surrogates, which it refuses, become visible escapes. And keys in the
form in which messages show them.
"""

from __future__ import annotations

import re

_LONGEST_KEY = 60
_REFUSED = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    r"""`text` with each refused character as `\u0000`, `\ud800` …: six characters that can be read and searched."""
    return _REFUSED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def printable_key(entity_key: str) -> str:
    """A key for a message: bounded in length, with nothing that moves a terminal's cursor or looks like another key."""
    key = entity_key if len(entity_key) <= _LONGEST_KEY else f"{entity_key[: _LONGEST_KEY - 1]}…"
    return key if key.isprintable() and " " not in key else ascii(key)
