"""Answers that reach the wrong request, as behind a gateway that mixes up its connections. Knows no sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from waves.rehearsal.provider import Response
from waves.rehearsal.record import Turn


@dataclass(slots=True, eq=False)
class Mailbox:
    """A request that waits for its answer, and the answer that it will be given."""

    turn: Turn
    answer: Response


class Swaps:
    """Exchanges the answers of the first `pairs` pairs of requests that wait at the same time, where both are messages
    without another fault. Each of them is `swapped` in the record."""

    def __init__(self, pairs: int) -> None:
        self._left = pairs
        self._alone: list[Mailbox] = []

    @contextlib.contextmanager
    def waiting(self, box: Mailbox) -> Iterator[Mailbox]:
        """While the answer of this request is on its way."""
        if self._left and _is_good_message(box):
            self._meet(box)
        try:
            yield box
        finally:
            if box in self._alone:
                self._alone.remove(box)

    def _meet(self, box: Mailbox) -> None:
        if not self._alone:
            self._alone.append(box)
            return
        other = self._alone.pop()
        box.answer, other.answer = other.answer, box.answer
        for turn in (box.turn, other.turn):
            turn.fault, turn.cause = "swapped", "swap"
        self._left -= 1


def _is_good_message(box: Mailbox) -> bool:
    """It was produced, so it has tokens."""
    return bool(box.turn.items and box.turn.output_tokens) and box.turn.fault is None
