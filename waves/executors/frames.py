"""Messages on a stream socket: eight bytes of length, then a pickle. Both ends read and write without blocking, so
neither can wait for the other to read first; a message is passed on only when it is complete.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")


def frame(message: object) -> bytes:
    """One message as it goes over the wire. Raises what `pickle` raises."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Inbox:
    """Collects bytes as they arrive and gives the messages that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        self._buffer += data
        messages: list[Any] = []
        start = 0
        while len(self._buffer) >= start + _LENGTH.size:
            end = start + _LENGTH.size + int(_LENGTH.unpack_from(self._buffer, start)[0])
            if len(self._buffer) < end:
                break
            messages.append(pickle.loads(bytes(self._buffer[start + _LENGTH.size : end])))  # noqa: S301 - our own wrote it
            start = end
        del self._buffer[:start]
        return messages
