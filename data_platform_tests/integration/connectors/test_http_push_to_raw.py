"""The whole way of a pushed event: HTTP, spool, loop, raw."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_platform.connectors.http_push import connector as http_push
from data_platform.connectors.http_push.connector import open_push_source
from data_platform.lakehouse.table_ref import Zone
from data_platform.serving.collector import collector_app
from data_platform.serving.server import serve
from data_platform_tests.integration.connectors.push_kit import BATCH, NDJSON, Answer, event, post_to
from data_platform_tests.kit import Kit

COLUMNS = ("ce_id string required", "ce_time timestamp", "ce_region string", "reading double")


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.setattr(http_push, "_WAIT_SECONDS", 0.0)
    (tmp_path / "token").write_text("correct-horse")
    one = Kit(tmp_path)
    connector = {
        "kind": "http_push",
        "path": "/ingest/events",
        "token": {"file": str(tmp_path / "token")},
        "accepts": ["cloudevents", "ndjson"],
        "max_batch_bytes": 5_000,
        "segment_bytes": 10_000,
    }
    one.raw("events", COLUMNS, connector=connector, format={"kind": "ndjson", "envelope": "cloudevents"})
    yield one
    one.close()


@contextmanager
def endpoint(kit: Kit) -> Iterator[int]:
    source = open_push_source(kit.entry("events"), kit.platform.ingester.place)
    server = serve(collector_app([source]))
    try:
        yield server.port
    finally:
        server.stop()
        source.spool.close()


def send(port: int, *events: dict[str, object]) -> Answer:
    return post_to(port, json.dumps(events).encode(), BATCH)


def test_pushed_events_are_in_raw_exactly_once_while_senders_and_loop_run_together(kit: Kit) -> None:
    kit.platform  # noqa: B018 - opened here, so that the senders' threads find it open
    with endpoint(kit) as port:
        statuses: list[int] = []

        def sender(name: str) -> None:
            for number in range(40):
                ids = [f"{name}-{number}-{part}" for part in range(5)]
                answer = send(port, *(event(one, region="eu", data={"reading": 1.5}) for one in ids))
                statuses.append(answer.status)

        senders = [threading.Thread(target=sender, args=(name,)) for name in "abc"]
        for one in senders:
            one.start()
        while any(one.is_alive() for one in senders):
            kit.ingest("events")
        for one in senders:
            one.join()
        kit.ingest("events")
        assert statuses == [202] * 120
        kit.reopen()
        assert kit.ingest("events") == ()
    rows = kit.rows("raw.events")
    assert sorted(row["ce_id"] for row in rows) == sorted(
        f"{name}-{number}-{part}" for name in "abc" for number in range(40) for part in range(5)
    )
    assert {(row["ce_region"], row["reading"]) for row in rows} == {("eu", 1.5)}
    assert kit.rows("raw.events", Zone.REJECTED) == []
    spool = kit.platform.settings.spool_dir / "http_push"
    assert len(list(spool.glob("shop.events/*.wal"))) == 1
    assert list(spool.rglob("*.part")) == []


def test_an_event_that_is_sent_again_is_a_second_record(kit: Kit) -> None:
    with endpoint(kit) as port:
        for _ in range(2):
            assert send(port, event(1, data={"reading": 1})).status == 202
            kit.ingest("events")
    assert [row["ce_id"] for row in kit.rows("raw.events")] == ["1", "1"]


def test_a_line_that_is_no_event_lies_in_rejected_and_its_neighbours_in_raw(kit: Kit) -> None:
    with endpoint(kit) as port:
        lines = b'{"plain": 1}\n' + json.dumps(event(7, data={"reading": 2})).encode() + b"\nnot json"
        assert post_to(port, lines, NDJSON).status == 202
        [batch] = kit.ingest("events")
    assert [row["ce_id"] for row in kit.rows("raw.events")] == ["7"]
    assert len(kit.rows("raw.events", Zone.REJECTED)) == 2
    assert (batch.source_rows, batch.raw_rows) == (3, 1)


def test_what_the_endpoint_took_before_it_ended_is_committed_later(kit: Kit) -> None:
    for day in range(3):
        with endpoint(kit) as port:
            assert send(port, event(day, time=f"2026-03-0{day + 1}T10:00:00Z")).status == 202
    kit.ingest("events")
    assert [row["ce_id"] for row in kit.rows("raw.events")] == ["0", "1", "2"]
