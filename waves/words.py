"""Numbers, and the words of others, in messages for people."""

from __future__ import annotations

_LONGEST_QUOTE = 200


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(text: str) -> str:
    """What a provider said, as one line of at most 200 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 1]}…"
