"""A REST API of the tests' own, on a free loopback port: every way of paging, and every way of failing."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "s3cret-token"


@dataclass
class Answer:
    """What is sent instead of a page. `cut` sends half of the body and hangs up; `wait` is set by who may go on."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    wait: threading.Event | None = None


@dataclass
class Api:
    """The records, as JSON texts, and how they are served.

    Attributes:
        answers: sent first, one for each request.
        page_faults: what to send for a page, told by its first record's number.
        show: whether a record is shown to a query; the API's filter.
    """

    url: str = ""
    records: list[str] = field(default_factory=list)
    paging: str = "page_number"
    size: int = 3
    token: str = ""
    answers: list[Answer] = field(default_factory=list)
    page_faults: dict[int, Answer] = field(default_factory=dict)
    queries: list[dict[str, str]] = field(default_factory=list)
    show: Callable[[dict[str, Any], dict[str, str]], bool] = lambda _record, _query: True

    def page(self, query: dict[str, str]) -> Answer:
        shown = [text for text in self.records if self._is_shown(text, query)]
        first = {
            "page_number": lambda: (int(query.get("page", 1)) - 1) * self.size,
            "offset": lambda: int(query.get("offset", 0)),
            "cursor": lambda: int(query.get("cursor") or 0),
            "header_link": lambda: int(query.get("from", 0)),
            "json_link": lambda: int(query.get("from", 0)),
            "stuck": lambda: 0,
        }[self.paging]()
        if first in self.page_faults:
            return self.page_faults.pop(first)
        following = first + self.size if first + self.size < len(shown) else None
        link = f"{self.url}/items?{urlencode({**query, 'from': following})}" if following else None
        extra: dict[str, Any] = {
            "offset": {"total": len(shown)},
            "cursor": {"next": str(following) if following else None},
            "json_link": {"links": {"next": link}},
            "stuck": {"next": "0"},
        }.get(self.paging, {})
        items = "[" + ", ".join(shown[first : first + self.size]) + "]"
        if self.paging == "header_link":
            return Answer(body=items.encode(), headers={"Link": f'<{link}>; rel="next"'} if link else {})
        return Answer(body=(json.dumps({**extra, "items": 0})[:-2] + items + "}").encode())

    def _is_shown(self, text: str, query: dict[str, str]) -> bool:
        record = json.loads(text, parse_int=lambda digits: int(digits[:100]))
        return not isinstance(record, dict) or self.show(record, query)

    def refuses(self, headers: Any, query: dict[str, str]) -> bool:
        basic = base64.b64encode(f"ann:{self.token}".encode()).decode()
        shown = {headers.get("Authorization"), headers.get("X-Token"), query.get("key")}
        return bool(self.token) and not shown & {f"Bearer {self.token}", f"Basic {basic}", self.token}


@contextmanager
def rest_server() -> Iterator[Api]:
    """A running API."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
            api.queries.append(query)
            if api.answers:
                answer = api.answers.pop(0)
            elif api.refuses(self.headers, query):
                answer = Answer(status=401)
            else:
                answer = api.page(query)
            if answer.wait is not None:
                answer.wait.wait(30)
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = answer.cut
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
