"""A loopback server that says exactly the bytes it is told to, and hangs up when told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Conduct = Callable[[socket.socket, bytes], None]
"""What the server does with a connection once it has read a request."""


class Server:
    """Each connection is served by `conduct` for every request that comes over it, until it closes the line."""

    def __init__(self, conduct: Conduct, *, tls: ssl.SSLContext | None = None) -> None:
        self.conduct = conduct
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(line, server_side=True) if self.tls else line as talking:
                while request := _request(talking):
                    self.requests.append(request)
                    self.conduct(talking, request)
        except OSError:
            return


def _request(line: socket.socket) -> bytes:
    """Head and body of one request; empty when the line was closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = line.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(part[15:]) for part in head.lower().split(b"\r\n") if part.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += line.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
