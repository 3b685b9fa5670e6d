"""Parts that wait to be written. Their answers are in the journal already, so that requests may go out before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waves.models import Identity, Part
from waves.spool.parts import Parts


class PartWriter:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pending: list[Part] = []
        self._written: dict[Identity, Part] = {}

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    @property
    def written(self) -> Mapping[Identity, Part]:
        """All parts that this writer has written."""
        return self._written

    def add(self, parts: Iterable[Part]) -> None:
        self._pending += parts

    def write(self) -> bool:
        """Write what is pending. Returns whether there was anything."""
        wrote = self.pending
        for part in self._pending:
            self._parts.write(part)
            self._written[part.entity_key, part.input_hash] = part
        self._pending.clear()
        return wrote
