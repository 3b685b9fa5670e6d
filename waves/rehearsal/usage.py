"""The tokens of a request: their number, and the prompt cache that splits them into written, read and uncached.

A token counts as four bytes of UTF-8 (rounded up): near enough for budgets and rates, and the same on every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waves.rehearsal.protocol import Segment

BYTES_PER_TOKEN = 4
_FIVE_MINUTES = 300  # seconds; the other lifetime is an hour
_KEPT = 512  # cache entries; beyond that the expired ones are swept


@dataclass(frozen=True, slots=True)
class Billed:
    """Input tokens by class; their sum is the whole prompt."""

    uncached: int = 0
    written_5m: int = 0
    written_1h: int = 0
    read: int = 0

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        return self.uncached + self.written + self.read


def size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def tokens(n_bytes: int) -> int:
    return -(-n_bytes // BYTES_PER_TOKEN)


def count_tokens(segments: Sequence[Segment]) -> int:
    return tokens(sum(size(segment.text) for segment in segments))


class PromptCache:
    """Prefixes that end in a breakpoint, for each model. An entry lives `ttl` seconds from its last use, and a prefix
    below `minimum` tokens is never kept, as with the provider. Entries exist from the request that writes them (the
    provider's only from the beginning of its answer)."""

    def __init__(self, minimum: int, ttl: float | None) -> None:
        self._minimum = minimum
        self._ttl = ttl
        self._entries: dict[tuple[str, ...], float] = {}

    def bill(self, model: str, segments: Sequence[Segment], now: float) -> Billed:
        """Count one answered request: reads the longest known prefix, writes the longest marked one."""
        total = count_tokens(segments)
        read = written = n_bytes = 0
        written_ttl = _FIVE_MINUTES
        for index, segment in enumerate(segments):
            n_bytes += size(segment.text)
            prefix = tokens(n_bytes)
            if segment.ttl is None or prefix < self._minimum:
                continue
            key = (model, *(part.text for part in segments[: index + 1]))
            if self._entries.get(key, now) > now:
                read, written = prefix, 0
            else:
                written, written_ttl = prefix - read, segment.ttl
            self._entries[key] = now + (self._ttl if self._ttl is not None else segment.ttl)
        self._sweep(now)
        hour = written_ttl > _FIVE_MINUTES
        return Billed(
            uncached=total - read - written,
            written_5m=0 if hour else written,
            written_1h=written if hour else 0,
            read=read,
        )

    def _sweep(self, now: float) -> None:
        if len(self._entries) > _KEPT:
            self._entries = {key: until for key, until in self._entries.items() if until > now}
