"""An OpenLineage backend for tests: a real HTTP server that answers, refuses, hangs, or works and loses its answer."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mode(Enum):
    WORKS = auto()
    BUSY = auto()  # answers 503
    HANGS = auto()  # takes the request and says nothing
    LOSES = auto()  # does what it is asked and closes the connection instead of answering
    DRIPS = auto()  # answers one byte now and then


@dataclass
class Backend:
    """What it got and how it behaves; `answer` decides about a body, by default 201."""

    port: int = 0
    mode: Mode = Mode.WORKS
    bodies: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0
    answer: Callable[[str, str], tuple[int, str]] = lambda path, body: (201, "")
    extra: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    leaving: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event it worked on, repeats too, in the order in which they came."""
        return [json.loads(body) for body in self.bodies]

    def start(self) -> None:
        """Listens; after a stop on the same port again."""
        self.leaving.clear()
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Listens no longer: connections are refused."""
        self.leaving.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def lineage_backend() -> Iterator[Backend]:
    backend = Backend()
    backend.start()
    try:
        yield backend
    finally:
        backend.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that was tired of waiting


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            text = (gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data).decode()
            backend.asked += 1
            backend.headers.append({name.lower(): value for name, value in self.headers.items()})
            mode = backend.mode
            if mode is Mode.HANGS:
                self._wait_for_the_client()
                return
            if mode is Mode.BUSY:
                self._reply(503, "busy")
                return
            status, body = backend.answer(self.path, text)
            if 200 <= status < 300:
                backend.bodies.append(text)
                backend.paths.append(self.path)
            if mode is Mode.LOSES:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif mode is Mode.DRIPS:
                self._drip()
            else:
                self._reply(status, body)

        def _reply(self, status: int, body: str) -> None:
            self.send_response(status)
            for name, value in backend.extra.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def _wait_for_the_client(self) -> None:
            self.close_connection = True
            self.connection.settimeout(0.02)
            while not backend.leaving.is_set():
                try:
                    if not self.connection.recv(1):
                        return
                except TimeoutError:
                    continue

        def _drip(self) -> None:
            self.close_connection = True
            while not backend.leaving.wait(0.02):
                self.wfile.write(b"H")

        def log_message(self, *_: object) -> None:
            pass

    return Handler
