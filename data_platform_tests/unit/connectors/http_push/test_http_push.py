from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.http_push import connector as http_push
from data_platform.connectors.http_push.connector import HttpPush, PushSource, open_push_source
from data_platform.connectors.kinds import open_connector
from data_platform.connectors.protocol import Place, Poll
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_push, "_WAIT_SECONDS", 0.0)


def entry(**options: Any) -> ConnectorEntry:
    given = {"token": {"env": "TOKEN"}} | options
    dataset = DatasetName.parse("raw.shop.events")
    return ConnectorEntry(name="orders", kind="http_push", dataset=dataset, options=given, path="c.yaml", line=7)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[PushSource]:
    opened = open_push_source(entry(segment_bytes=200), Place(source=tmp_path, spool=tmp_path))
    yield opened
    opened.spool.close()


def connector(folder: Path, **options: Any) -> HttpPush:
    return HttpPush(entry(**options), Place(source=folder, spool=folder))


def polled(push: HttpPush, position: dict[str, Any]) -> Poll:
    poll = push.poll(position, lambda *_: False)
    assert poll is not None
    return poll


def fill(source: PushSource, first: int, last: int) -> None:
    for number in range(first, last + 1):
        source.spool.append([b'{"n":%d}\n' % number], rows=1)


def taken(poll: Poll) -> list[int]:
    [delivery] = poll.deliveries
    data = delivery.path.read_bytes()
    assert (delivery.sha256, delivery.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert delivery.is_spooled
    return [int(line[5:-1]) for line in data.splitlines()]


def test_a_poll_offers_everything_that_waits_as_one_file(tmp_path: Path, source: PushSource) -> None:
    fill(source, 1, 30)
    push = connector(tmp_path)
    poll = polled(push, {})
    assert (taken(poll), poll.backlog) == (list(range(1, 31)), 0)
    assert push.poll(poll.position_to, lambda *_: False) is None


def test_a_poll_is_bounded_and_says_how_much_waits(tmp_path: Path, source: PushSource) -> None:
    fill(source, 1, 30)
    push, position, seen = connector(tmp_path, max_batch_bytes=40), {}, []
    while (poll := push.poll(position, lambda *_: False)) is not None:
        assert poll.deliveries[0].size_bytes <= 40
        seen += taken(poll)
        assert poll.backlog == 30 - len(seen)
        position = dict(poll.position_to)
    assert seen == list(range(1, 31))


def test_more_than_a_batch_in_one_request_is_a_batch_of_its_own(tmp_path: Path, source: PushSource) -> None:
    source.spool.append([b'{"n":1}\n' * 50], rows=50)
    fill(source, 2, 2)
    assert len(taken(polled(connector(tmp_path, max_batch_bytes=40), {}))) == 50


def test_the_same_position_gives_the_same_bytes_under_the_same_name(tmp_path: Path, source: PushSource) -> None:
    fill(source, 1, 5)
    first, second = (polled(connector(tmp_path, max_batch_bytes=24), {}) for _ in range(2))
    assert first.position_to == second.position_to
    assert [(d.name, d.sha256) for d in first.deliveries] == [(d.name, d.sha256) for d in second.deliveries]
    assert list(tmp_path.rglob("*.part")) == [second.deliveries[0].path]  # what a failed turn left is gone


def test_nothing_was_sent_yet(tmp_path: Path) -> None:
    push = connector(tmp_path)
    assert push.poll({}, lambda *_: False) is None
    assert push.peek({}, lambda *_: False) == ()


def test_peek_tells_unread_events_until_they_are_read(tmp_path: Path, source: PushSource) -> None:
    fill(source, 1, 2)
    push = connector(tmp_path)
    marks = push.peek({}, lambda *_: False)
    assert len(marks) == 1
    assert push.peek({}, lambda *_: False) == marks
    position = polled(push, {}).position_to
    assert push.peek(position, lambda *_: False) == ()
    fill(source, 3, 3)
    assert push.peek(position, lambda *_: False) not in ((), marks)


def test_acknowledged_segments_are_released(tmp_path: Path, source: PushSource) -> None:
    fill(source, 1, 30)
    push = connector(tmp_path)
    position = polled(push, {}).position_to
    segments = tmp_path / "http_push" / "shop.orders"
    before = len(list(segments.glob("*.wal")))
    push.acknowledge(position)
    push.acknowledge(position)
    assert len(list(segments.glob("*.wal"))) == 1 < before
    assert push.poll(position, lambda *_: False) is None


def test_what_was_taken_cannot_be_fetched_again_from_here(tmp_path: Path, source: PushSource) -> None:
    push = connector(tmp_path)
    with pytest.raises(ConfigurationError, match="what was taken lies in landing"):
        push.position_at("2026-03-01")
    fill(source, 1, 30)
    assert taken(polled(push, dict(push.position_at("earliest")))) == list(range(1, 31))
    first = int(next((tmp_path / "http_push" / "shop.orders").glob("*.wal")).stem)
    assert taken(polled(push, dict(push.position_at(str(first)))))[-1] == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": "secret-value"}, "token"),
        ({"token": {}}, "exactly one of env, file, command"),
        ({"path": "ingest"}, "path: .*write a path"),
        ({"path": "/a b"}, "write a path"),
        ({"path": "/health"}, "write a path"),
        ({"accepts": []}, "accepts"),
        ({"accepts": ["xml"]}, "accepts"),
        ({"quota_bytes": 1 << 20, "segment_bytes": 1 << 19, "max_request_bytes": 4096}, "a quarter of quota_bytes"),
        ({"quota_bytes": 1 << 20}, "a quarter of quota_bytes"),
        ({"qouta_bytes": 1}, "qouta_bytes"),
    ],
)
def test_a_wrong_option_is_named_without_its_value(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        connector(tmp_path, **options)
    assert "secret-value" not in str(caught.value)
    assert "c.yaml:7" in str(caught.value)


def test_the_kind_is_found_by_its_name_and_touches_nothing(tmp_path: Path) -> None:
    nowhere = Place(source=tmp_path / "no", spool=tmp_path / "where")
    assert open_connector(entry(), nowhere).version == "http_push/1"
    assert list(tmp_path.iterdir()) == []
