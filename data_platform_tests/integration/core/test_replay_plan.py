"""`ingest replay` without --yes: the place is looked up and shown, and nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_platform.cli.main import run
from data_platform.lakehouse.landing import LandingLog
from data_platform_tests.kit import Kit


class _Items(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'[{"id": 1, "seen": "2026-03-01T00:00:00Z"}, {"id": 2, "seen": "2026-03-02T00:00:00Z"}]'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Items) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/items"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def kit(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    one = Kit(tmp_path)
    pull = {
        "kind": "rest_pull",
        "url": url,
        "data_selector": "$[*]",
        "paginator": {"type": "single_page"},
        "cursor": {"field": "seen", "param": "since"},
    }
    one.raw("items", ("id int", "seen timestamp"), format={"kind": "ndjson"})
    one.connectors["items"] = {"dataset": "raw.shop.items", **pull}
    one.raw("files", ("id int",))
    one.ingest("items")
    for name in ("home", "domains", "source"):
        monkeypatch.setenv(f"DATA_PLATFORM_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    yield one
    one.close()


def batches(kit: Kit) -> int:
    return LandingLog(kit.platform.store, "shop", "items").last_number("items")


def test_a_place_is_shown_before_anything_is_done(kit: Kit, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["ingest", "replay", "items", "--from", "2026-03-01T12:00:00Z"]) == 0
    said = capsys.readouterr().err
    assert '"cursor": "2026-03-02T00:00:00' in said
    assert 'would continue from {"cursor": "2026-03-01T12:00:00' in said
    assert "batch items/2, without records" in said
    assert run(["ingest", "replay", "items", "--from", "start"]) == 0
    assert "would continue from the beginning" in capsys.readouterr().err
    assert batches(kit) == 1
    assert run(["ingest", "replay", "items", "--from", "start", "--yes"]) == 0
    assert batches(kit) == 2


@pytest.mark.parametrize(
    ("name", "where", "reason"),
    [
        ("items", "yesterday", "write start, or a timestamp"),
        ("items", "2999-01-01T00:00:00Z", "is still to come"),
        ("files", "start", "takes each file once"),
    ],
)
def test_a_place_that_the_source_does_not_have_is_refused_at_once(
    kit: Kit, capsys: pytest.CaptureFixture[str], name: str, where: str, reason: str
) -> None:
    capsys.readouterr()
    assert run(["ingest", "replay", name, "--from", where]) == 2
    assert reason in capsys.readouterr().err
    assert batches(kit) == 1
