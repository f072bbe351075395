from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.http_push.connector import PushSource, open_push_source
from data_platform.connectors.http_push.write_ahead import WriteAhead
from data_platform.connectors.protocol import Place
from data_platform.errors import ConfigurationError
from data_platform.serving.collector import collector_app
from data_platform.serving.server import serve
from data_platform.serving.standalone import standalone_entry


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushSource]:
    monkeypatch.setenv("PUSH_TOKEN", "secret")
    opened = open_push_source(
        standalone_entry({"token": {"env": "PUSH_TOKEN"}}), Place(source=tmp_path, spool=tmp_path)
    )
    yield opened
    opened.spool.close()


def request(app: Any, body: bytes, *headers: tuple[bytes, bytes], path: str = "/ingest/events") -> tuple[int, Any]:
    """One POST, straight to the application: headers as they are."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"authorization", b"Bearer secret"), *headers], "root_path": "", "scheme": "http",
        "http_version": "1.1", "server": ("localhost", 80), "client": ("localhost", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"] or b"null")


EVENT = b'{"specversion":"1.0","id":"1","type":"t","source":"/s"}'
JSON_EVENT = (b"content-type", b"application/cloudevents+json")


@pytest.mark.parametrize(
    "twice",
    [(b"authorization", b"Bearer other"), JSON_EVENT, (b"content-encoding", b"gzip"), (b"content-length", b"7")],
)
def test_a_header_that_must_be_single_is_refused_when_it_is_not(source: PushSource, twice: tuple[bytes, bytes]) -> None:
    headers = (JSON_EVENT, (b"content-encoding", b""), (b"content-length", b"%d" % len(EVENT)), twice)
    status, problem = request(collector_app([source]), EVENT, *headers)
    assert (status, problem["detail"]) == (400, f"the header {twice[0].decode()} is sent twice")


def test_a_request_of_the_largest_size_is_taken(source: PushSource) -> None:
    server = serve(collector_app([source]))
    try:
        room = source.max_request_bytes - len(EVENT)
        largest = EVENT[:-1] + b',"data":"' + b"x" * (room - len(b',"data":""')) + b'"}'
        assert len(largest) == source.max_request_bytes
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {"authorization": "Bearer secret", "content-type": "application/cloudevents+json"}
        connection.request("POST", "/ingest/events", largest, headers)
        assert connection.getresponse().status == 202
        connection.close()
    finally:
        server.stop()


def test_no_address_is_answered_by_sending_elsewhere(source: PushSource) -> None:
    assert request(collector_app([source]), EVENT, JSON_EVENT, path="/ingest/events/")[0] == 404


def test_answers_are_counted_by_status(source: PushSource) -> None:
    app = collector_app([source])
    request(app, EVENT, JSON_EVENT)
    request(app, b"{}", JSON_EVENT)
    assert app.state.endpoints["/ingest/events"].answers == {"202": 1, "400": 1, "events": 1}


def test_a_writer_that_fails_in_an_unexpected_way_leaves_nobody_waiting(
    source: PushSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = collector_app([source])
    append = WriteAhead.append

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(WriteAhead, "append", broken)
    assert request(app, EVENT, JSON_EVENT)[0] == 503
    monkeypatch.setattr(WriteAhead, "append", append)
    assert request(app, EVENT, JSON_EVENT)[0] == 202


def test_a_closed_spool_takes_nothing(source: PushSource) -> None:
    app = collector_app([source])
    source.spool.close()
    assert request(app, EVENT, JSON_EVENT)[0] == 503


def test_two_entries_cannot_share_an_address(source: PushSource) -> None:
    with pytest.raises(ConfigurationError, match="two http_push entries have the path /ingest/events"):
        collector_app([source, source])


def test_an_address_that_is_taken_is_said_so(source: PushSource) -> None:
    server = serve(collector_app([source]))
    try:
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {server.port}"):
            serve(collector_app([source]), port=server.port)
    finally:
        server.stop()
