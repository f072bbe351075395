"""An HTTP proxy before an S3 server that behaves as networks and busy stores do: refuses, waits, cuts, loses answers.

What it does to a request is drawn from a seeded generator, or told by a rule of the test for exactly one request.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from data_platform.lakehouse.credentials import StoreCredentials

_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length"}
_BODY = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>%s</Code><Message>made up by the proxy</Message></Error>"


class Fault(StrEnum):
    """What can happen to one request."""

    NONE = "none"
    ERROR = "error"  # 500 InternalError, and the store never sees the request
    SLOW_DOWN = "slow_down"  # 503 SlowDown, likewise
    REFUSED = "refused"  # 403, as with a credential that is no longer valid
    DELAY = "delay"  # answered, a little later
    CUT = "cut"  # the answer ends in its middle
    LOST = "lost"  # the store does what it was asked, and nobody hears of it
    HANGS = "hangs"  # the connection stays open and silent until the proxy is closed


_REFUSALS = {
    Fault.ERROR: (500, b"InternalError"),
    Fault.SLOW_DOWN: (503, b"SlowDown"),
    Fault.REFUSED: (403, b"InvalidAccessKeyId"),
}

Rule = Callable[[str, str], Fault | None]  # (method, path with query) -> what happens, None: nothing special


@dataclass
class FaultyS3:
    """The proxy. `rates` are chances of faults for each request, tried in order; `rule` goes before them."""

    credentials: StoreCredentials
    seed: int = 0
    rates: dict[Fault, float] = field(default_factory=dict)
    rule: Rule | None = None
    seen: Counter[Fault] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        target = urlsplit(self.credentials.endpoint_url or "")
        self.target = (str(target.hostname), int(target.port or 80))

    def draw(self, method: str, path: str) -> Fault:
        """What happens to this request."""
        with self._lock:
            fault = self.rule(method, path) if self.rule else None
            chance = self._random.random()
            for kind, rate in self.rates.items() if fault is None else ():
                if chance < rate:
                    fault = kind
                    break
                chance -= rate
            self.seen[fault or Fault.NONE] += 1
            return fault or Fault.NONE

    def once(self, fault: Fault, method: str, part: str) -> None:
        """Does this to the first request of that method whose path holds `part`, and to no other."""
        left = [fault]

        def rule(of: str, path: str) -> Fault | None:
            return left.pop() if left and of == method and part in path else None

        self.rule = rule

    @property
    def faults(self) -> int:
        """Requests that met a fault."""
        return sum(count for fault, count in self.seen.items() if fault is not Fault.NONE)


@contextmanager
def faulty_s3(behind: StoreCredentials, *, seed: int = 0) -> Iterator[tuple[FaultyS3, StoreCredentials]]:
    """A proxy before the server, still without faults, and the credentials that lead through it."""
    proxy = FaultyS3(behind, seed)
    server = _Server(("127.0.0.1", 0), _handler(proxy))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy, replace(behind, endpoint_url=f"http://127.0.0.1:{server.server_port}")
    finally:
        proxy.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no matter of the proxy's."""


def _handler(proxy: FaultyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_any(self) -> None:
            body = self._body()
            fault = proxy.draw(self.command, self.path)
            if fault in _REFUSALS:
                status, code = _REFUSALS[fault]
                self._answer(status, [("Content-Type", "application/xml")], _BODY % code)
                return
            if fault is Fault.HANGS:
                proxy.closing.wait()
                self._hang_up()
                return
            if fault is Fault.DELAY:
                time.sleep(0.05)
            status, headers, answer = self._forward(body)
            if fault is Fault.LOST:
                self._hang_up()
            elif fault is Fault.CUT:
                self._answer(status, headers, answer, upto=len(answer) // 2)
                self._hang_up()
            else:
                self._answer(status, headers, answer)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return found

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(*proxy.target, timeout=30)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                connection.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
                response = connection.getresponse()
                given = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
                if self.command == "HEAD":
                    given.append(("Content-Length", response.getheader("Content-Length", "0")))
                return response.status, given, response.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, upto: int | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            elif not any(name == "Content-Length" for name, _ in headers):
                self.send_header("Content-Length", "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if upto is None else body[:upto])
            self.wfile.flush()

        def _hang_up(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
