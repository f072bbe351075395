"""An OTLP/HTTP receiver that decodes what it is sent, refuses, or never answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver(ThreadingHTTPServer):
    """Keeps every request.

    Attributes:
        status: what it answers.
        answers: is set where it answers at all.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.requests: list[ExportTraceServiceRequest] = []
        self.paths: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        self.server.requests.append(request)
        self.server.paths.append(self.path)
        self.server.asked.set()
        self.server.answers.wait()
        try:
            self.send_response(self.server.status)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError:
            pass  # the sender left

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def receiving(*, status: int = 200, is_hanging: bool = False) -> Iterator[Receiver]:
    with Receiver(status) as server:
        if not is_hanging:
            server.answers.set()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.answers.set()
            server.shutdown()
            thread.join()
