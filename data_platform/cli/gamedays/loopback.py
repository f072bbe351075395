"""A server of a scene, on loopback and in a thread of its own while a block lasts."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeVar

_ServerT = TypeVar("_ServerT", bound="Loopback")


class QuietHandler(BaseHTTPRequestHandler, ABC):
    """Answers without a word: the record of the game day says what came."""

    protocol_version = "HTTP/1.1"

    @abstractmethod
    def take(self) -> None:
        """Answers one request of any method."""

    def do_GET(self) -> None:
        """What http.server calls."""
        self.take()

    def do_HEAD(self) -> None:
        """What http.server calls."""
        self.take()

    def do_POST(self) -> None:
        """What http.server calls."""
        self.take()

    def answer(self, status: int, body: bytes = b"", *, media_type: str = "text/plain") -> None:
        """Sends a whole answer."""
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class Loopback:
    """Serves requests with a handler on a free port."""

    def __init__(self, handler: type[QuietHandler], *, name: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self: _ServerT) -> _ServerT:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
