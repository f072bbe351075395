"""A webhook server of a test's own: it takes, refuses, hangs or fails as told, and keeps what it took."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Received:
    """What was sent, in order.

    Attributes:
        answer: the status to answer with.
        hang_seconds: before the answer.
        bodies: of the requests that were answered with 2xx.
    """

    address: str = ""
    answer: int = 204
    hang_seconds: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    calls: int = 0


@contextmanager
def webhook_server() -> Iterator[Received]:
    """A server for the block."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            received.calls += 1
            if received.hang_seconds:
                time.sleep(received.hang_seconds)
            if received.answer < 300:
                received.raw.append(content)
                received.bodies.append(orjson.loads(content))
                received.headers.append({name.lower(): value for name, value in self.headers.items()})
            try:
                self.send_response(received.answer)
                self.end_headers()
            except OSError:
                pass  # the caller went away

        def do_GET(self) -> None:
            received.calls += 1
            self.send_response(received.answer)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a caller that went away
    received.address = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
