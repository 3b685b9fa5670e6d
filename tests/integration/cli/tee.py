"""A provider whose requests can be read: a wire to it that keeps every byte that clients sent."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Tee:
    """`url` leads to the provider; `requests()` are the bodies that have gone there since the last `clear()`."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._sent: list[bytearray] = []
        tee = self

        class Wire(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                tee._connect(self.request, port)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Wire)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _connect(self, client: socket.socket, port: int) -> None:
        kept = bytearray()
        self._sent.append(kept)
        with socket.create_connection(("127.0.0.1", port)) as provider:
            back = threading.Thread(target=_copy, args=(provider, client), daemon=True)
            back.start()
            _copy(client, provider, kept)
            back.join()

    def clear(self) -> None:
        self._sent.clear()

    def raw(self) -> list[bytes]:
        """The bodies of all requests as they went over the wire."""
        return [body for connection in list(self._sent) for body in _bodies(bytes(connection))]

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.raw()]

    def items(self) -> list[dict[str, Any]]:
        """The inputs of all items that were asked for."""
        return [item["input"] for request in self.requests() for item in document(request)["items"]]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def document(request: dict[str, Any]) -> dict[str, Any]:
    """The user message of a request."""
    (message,) = request["messages"]
    content = message["content"]
    found = json.loads(content if isinstance(content, str) else content[0]["text"])
    assert isinstance(found, dict)
    return found


@contextmanager
def provider(*options: str) -> Iterator[Tee]:
    """A rehearsal server as a process of its own, and the wire to it."""
    command = [sys.executable, "-m", "waves.rehearsal", "--port", "0", "--until-stdin-closes", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = json.loads(process.stdout.readline())["url"]
        tee = Tee(int(url.rpartition(":")[2]), process)
        try:
            yield tee
        finally:
            tee.close()
            process.stdin.close()
            process.wait(10)


def _copy(source: socket.socket, sink: socket.socket, kept: bytearray | None = None) -> None:
    try:
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone: so does this one


def _bodies(sent: bytes) -> Iterator[bytes]:
    """The bodies in the bytes of one connection."""
    while sent:
        head, _, rest = sent.partition(b"\r\n\r\n")
        (length,) = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        yield rest[:length]
        sent = rest[length:]
