"""What the kafka connector reads, from which position, against a broker over real sockets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka: pip install 'data-platform[ingest]'")

from data_platform.errors import ConfigurationError
from data_platform_tests.integration.connectors.kafka_broker import Gate, KafkaBroker
from data_platform_tests.integration.connectors.kafka_log import (
    NOWHERE,
    PATIENT,
    TOPICS,
    Log,
    Opens,
    connections,
    lines,
    never,
    numbers,
    polled,
)


@pytest.fixture(scope="module")
def broker() -> KafkaBroker:
    return KafkaBroker()


@pytest.fixture
def topic() -> str:
    return next(TOPICS)


@pytest.fixture
def connect(broker: KafkaBroker, topic: str, tmp_path: Path) -> Iterator[Opens]:
    yield from connections(broker, topic, tmp_path)


def test_each_partition_becomes_a_file_and_a_restart_goes_on_where_the_log_ends(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 5))
    broker.produce(topic, numbers(5, 8), partition=2)
    connector = connect(linger_seconds=PATIENT)
    poll = polled(connector, {})
    assert [(d.name, d.source_partition) for d in poll.deliveries] == [
        (f"{topic}/0/0-4.ndjson", "0"),
        (f"{topic}/2/0-2.ndjson", "2"),
    ]
    assert [lines(d.path) for d in poll.deliveries] == [numbers(0, 5), numbers(5, 8)]
    for delivery in poll.deliveries:
        text = delivery.path.read_bytes()
        assert (delivery.sha256, delivery.size_bytes) == (hashlib.sha256(text).hexdigest(), len(text))
        assert delivery.is_spooled
    assert poll.position_to == {"offsets": {"0": 5, "1": 0, "2": 3, "3": 0}}
    assert poll.backlog == 0
    assert connector.poll(poll.position_to, never) is None
    connector.close()

    broker.produce(topic, numbers(8, 9), partition=2)
    after = polled(connect(), poll.position_to)
    assert [(d.name, lines(d.path)) for d in after.deliveries] == [(f"{topic}/2/3-3.ndjson", numbers(8, 9))]


def test_the_group_learns_an_offset_only_when_it_is_acknowledged(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 5))
    connector = connect(linger_seconds=0)
    position = polled(connector, {}).position_to
    assert broker.committed(topic, topic, 0) < 0
    connector.acknowledge({"offsets": {"0": 1}})
    connector.acknowledge(position)
    connector.close()  # a commit is sent before a member leaves
    assert broker.committed(topic, topic, 0) == position["offsets"]["0"]  # type: ignore[index, call-overload]


def test_a_start_at_the_latest_offset_is_fixed_by_the_first_poll(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 5))
    connector = connect(start="latest")
    assert connector.peek({}, never) == (f"{topic}/latest",)
    first = polled(connector, {})
    assert (first.deliveries, first.position_to) == ((), {"offsets": {"0": 5, "1": 0, "2": 0, "3": 0}})
    broker.produce(topic, numbers(5, 7))
    log = Log(first.position_to)
    log.take_all(connector)
    assert log.lines == {"0": numbers(5, 7)}


def test_a_start_at_the_earliest_offset_of_an_empty_topic_is_a_position_too(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.create(topic)
    poll = polled(connect(), {})
    assert (poll.deliveries, poll.position_to) == ((), NOWHERE)


def test_an_older_or_newer_position_is_gone_to_and_a_lost_batch_is_read_again(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 100))
    broker.produce(topic, numbers(100, 200), partition=3)
    connector = connect(linger_seconds=PATIENT)
    whole = polled(connector, NOWHERE)
    for _ in range(2):  # as when another process won the manifest, or this one failed before its own
        again = polled(connector, NOWHERE)
        assert [(d.name, d.sha256) for d in again.deliveries] == [(d.name, d.sha256) for d in whole.deliveries]
    back = polled(connector, {"offsets": {"0": 60, "1": 0, "2": 0, "3": 100}})
    assert [(d.name, lines(d.path)) for d in back.deliveries] == [(f"{topic}/0/60-99.ndjson", numbers(60, 100))]
    ahead = polled(connector, {"offsets": {"0": 99, "1": 0, "2": 0, "3": 98}})
    assert [lines(d.path) for d in ahead.deliveries] == [numbers(99, 100), numbers(198, 200)]


def test_a_partition_that_the_position_does_not_know_is_read_from_its_beginning(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 3))
    broker.produce(topic, numbers(3, 6), partition=1)
    poll = polled(connect(start="latest"), {"offsets": {"0": 3}})
    assert [(d.name, lines(d.path)) for d in poll.deliveries] == [(f"{topic}/1/0-2.ndjson", numbers(3, 6))]


def test_every_message_is_one_line_whatever_it_holds(broker: KafkaBroker, topic: str, connect: Opens) -> None:
    said = {
        b'{"a": 1}': b'{"a": 1}',
        None: b"null",
        b'{\r\n  "a": "x"\n}': b'{    "a": "x" }',
        b'{"a": "broken\n': rb'"{\"a\": \"broken\n"',
        b"": b'""',
        b" \t": rb'" \t"',
        b"\xff\xfe\x00binary": b"\xff\xfe\x00binary",
        b"\xff\n\x01": rb'"\\xff\n\u0001"',
        b"not json": b"not json",
        b'{"a": 2}': b'{"a": 2}',
    }
    broker.produce(topic, said)
    poll = polled(connect(), {})
    assert lines(poll.deliveries[0].path) == list(said.values())
    assert poll.position_to["offsets"]["0"] == len(said)  # type: ignore[index, call-overload]


def test_what_kafka_knows_stands_in_the_records_that_are_objects(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, [b'{"a": 1}', b"{ }", None, b"[1]", b'{"a":\n2}'], partition=1, key=b"k\xff")
    fields = {"offset": "at", "partition": "part", "timestamp": "when", "key": "id"}
    poll = polled(connect(fields=fields), {})
    found = [json.loads(line) for line in lines(poll.deliveries[0].path)]
    moments = [record.pop("when") for record in found if isinstance(record, dict)]
    known = {"part": 1, "id": "k\\xff"}
    assert found == [{"at": 0, "a": 1, **known}, {"at": 1, **known}, None, [1], {"at": 4, "a": 2, **known}]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment) for moment in moments)


@pytest.mark.parametrize("limit", [{"max_batch_records": 70}, {"max_batch_bytes": 700}])
def test_a_poll_stops_at_its_bounds_and_the_next_goes_on(
    broker: KafkaBroker, topic: str, connect: Opens, limit: dict[str, int]
) -> None:
    for partition in (0, 1):
        broker.produce(topic, numbers(100, 300), partition=partition)  # each is a line of 10 bytes
    connector, log, backlogs, sizes = connect(linger_seconds=PATIENT, **limit), Log(), [], []
    while (poll := log.take(connector)) is not None:
        sizes.append(sum(delivery.size_bytes for delivery in poll.deliveries))
        backlogs.append(poll.backlog)
    assert sizes == [700] * 5 + [500]
    assert backlogs == [330, 260, 190, 120, 50, 0]
    assert log.lines == {"0": numbers(100, 300), "1": numbers(100, 300)}


def test_the_ends_of_transactions_move_the_position_and_leave_no_backlog(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.transaction(topic, numbers(0, 3))
    connector = connect(linger_seconds=PATIENT)
    poll = polled(connector, {})
    assert [(d.name, lines(d.path)) for d in poll.deliveries] == [(f"{topic}/0/0-2.ndjson", numbers(0, 3))]
    assert (poll.position_to["offsets"]["0"], poll.backlog) == (4, 0)  # type: ignore[index, call-overload]
    assert connector.peek(poll.position_to, never) == ()
    assert connector.poll(poll.position_to, never) is None
    behind = polled(connector, {"offsets": {**NOWHERE["offsets"], "0": 3}})  # only a control record is left
    assert (behind.deliveries, behind.position_to) == ((), poll.position_to)


def test_what_was_aborted_is_not_read_and_the_position_moves_behind_it(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.transaction(topic, numbers(0, 3), is_committed=False)
    gate = Gate(broker, aborted=0)
    try:
        connector = connect(bootstrap=gate.address, linger_seconds=PATIENT)
        nothing = polled(connector, NOWHERE)
        assert (nothing.deliveries, nothing.position_to) == ((), {"offsets": {"0": 4, "1": 0, "2": 0, "3": 0}})
        assert nothing.backlog == 0
        broker.produce(topic, numbers(3, 5))
        poll = polled(connector, nothing.position_to)
        assert [(d.name, lines(d.path)) for d in poll.deliveries] == [(f"{topic}/0/4-5.ndjson", numbers(3, 5))]
        connector.close()
    finally:
        gate.shut()


def test_marks_say_where_there_is_more_and_change_only_when_the_position_does(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 3))
    connector = connect()
    assert connector.peek({}, never) == (f"{topic}/0/0",)
    broker.produce(topic, numbers(3, 6))
    assert connector.peek({}, never) == connector.peek(NOWHERE, never) == (f"{topic}/0/0",)
    assert connector.peek({"offsets": {"0": 6}}, never) == ()


def test_a_person_names_places_to_read_from(broker: KafkaBroker, topic: str, connect: Opens) -> None:
    broker.produce(topic, numbers(0, 10))
    connector = connect()
    assert connector.position_at("earliest") == NOWHERE
    assert connector.position_at("latest") == {"offsets": {"0": 10, "1": 0, "2": 0, "3": 0}}
    assert connector.position_at("offset:0=7,1=0,2=0,3=0") == {"offsets": {"0": 7, "1": 0, "2": 0, "3": 0}}
    for where in ("offset:0=7", "offset:0=11,1=0,2=0,3=0", "yesterday", "time:2026-03-01", "latest:1", "offset:"):
        with pytest.raises(ConfigurationError):
            connector.position_at(where)
    # The mock keeps no times and says that nothing is as young as any moment; see the unit tests for the rest.
    assert connector.position_at("time:2026-03-01T00:00:00Z") == connector.position_at("latest")


def test_a_replay_reads_all_again_from_a_place(broker: KafkaBroker, topic: str, connect: Opens) -> None:
    broker.produce(topic, numbers(0, 10))
    connector, log = connect(), Log()
    log.take_all(connector)
    log.position = connector.position_at("offset:0=4,1=0,2=0,3=0")
    log.take_all(connector)
    assert log.lines == {"0": numbers(0, 10) + numbers(4, 10)}
