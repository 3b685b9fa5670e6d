"""Text that PostgreSQL can hold: U+0000 and lone surrogates, which it refuses, become visible escapes."""

from __future__ import annotations

import re

_REFUSED = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    r"""`text` with each refused character as `\u0000`, `\ud800` …: six characters that can be read and searched."""
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
