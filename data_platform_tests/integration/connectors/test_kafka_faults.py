"""What the kafka connector does when records are gone, brokers away, credentials old and members come and go."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka: pip install 'data-platform[ingest]'")

from data_platform.connectors.kafka.connector import Kafka
from data_platform.connectors.kafka.member import Member
from data_platform.credentials import with_renewal
from data_platform.errors import SourceGap, SourceRefused, SourceUnavailable
from data_platform_tests.integration.connectors.kafka_broker import Gate, KafkaBroker
from data_platform_tests.integration.connectors.kafka_log import (
    NOWHERE,
    TOPICS,
    Log,
    Opens,
    connections,
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


def test_records_that_the_broker_dropped_are_a_gap_and_a_person_may_accept_it(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 10))
    broker.produce(topic, numbers(10, 20), partition=1)
    broker.overflow(topic)
    connector = connect()
    position = {"offsets": {"0": 5, "1": 10, "2": 0, "3": 0}}
    with pytest.raises(SourceGap, match="partition 0 no longer has the") as gap:
        connector.poll(position, never)
    assert connector.peek(position, never) == (f"{topic}/0/5",)
    accepted = re.search(r"`data-platform ingest replay orders --from (offset:\S+)`", str(gap.value))
    assert accepted is not None
    onwards = connector.position_at(accepted[1])
    low = onwards["offsets"]["0"]  # type: ignore[index, call-overload]
    assert low > 5
    assert f"the {low - 5} offsets 5 to {low - 1}" in str(gap.value)
    poll = polled(connector, onwards)
    assert [delivery.source_partition for delivery in poll.deliveries] == ["0"]


def test_offsets_that_went_backwards_and_partitions_that_went_are_gaps(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.produce(topic, numbers(0, 10))
    connector = connect()
    with pytest.raises(SourceGap, match="partition 0 ends at offset 10, but was read up to 11"):
        connector.poll({"offsets": {"0": 11}}, never)
    with pytest.raises(SourceGap, match="partition 7 is gone"):
        connector.poll({"offsets": {"0": 10, "7": 3}}, never)
    assert len(connector.peek({"offsets": {"0": 11, "7": 3}}, never)) == 2


def test_an_offset_that_goes_while_it_is_asked_for_is_a_gap(broker: KafkaBroker, topic: str) -> None:
    broker.produce(topic, numbers(0, 10))
    member = Member({"bootstrap.servers": broker.address, "group.id": topic}, topic)
    try:
        member.move_to({0: 11})
        with pytest.raises(SourceGap, match="gone at the source"):
            list(iter(lambda: member.read(1, seconds=0.2), None))
    finally:
        member.close()


def once_there(take: Callable[[], object]) -> None:
    """Polls again while the client has not yet seen that the brokers are back."""
    for _ in range(20):
        try:
            take()
        except SourceUnavailable:
            threading.Event().wait(0.5)
        else:
            return
    raise AssertionError("the brokers did not come back")


def test_a_broker_that_comes_back_is_read_on_from(broker: KafkaBroker, topic: str, connect: Opens) -> None:
    gate = Gate(broker)
    try:
        broker.produce(topic, numbers(0, 10))
        connector, log = connect(bootstrap=gate.address), Log()
        log.take_all(connector)
        gate.shut()
        broker.produce(topic, numbers(10, 20))
        with pytest.raises(SourceUnavailable, match=re.escape(gate.address)):
            log.take(connector)
        with pytest.raises(SourceUnavailable):
            connector.peek(log.position, never)
        gate.open()
        once_there(lambda: log.take(connector))
        log.take_all(connector)
        assert log.lines == {"0": numbers(0, 20)}
        connector.close()
    finally:
        gate.shut()


def test_a_topic_that_is_not_there_is_unavailable(connect: Opens) -> None:
    with pytest.raises(SourceUnavailable, match="no such topic"):
        connect().poll({}, never)


def test_a_credential_is_read_again_when_it_is_refused_and_never_shown(
    broker: KafkaBroker, topic: str, connect: Opens, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("old-secret")
    gate = Gate(broker, password="old-secret")
    security = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": "reader"}
    try:
        broker.produce(topic, numbers(0, 10))
        connector = connect(bootstrap=gate.address, security={**security, "password": {"file": str(secret)}})
        log = Log()
        log.take(connector)
        gate.password = "new-secret"
        gate.shut()  # as a broker ends a session whose credential is no longer good
        gate.open()
        with pytest.raises(SourceRefused) as refused:
            once_there(lambda: with_renewal(connector.credential, lambda: log.take(connector)))
        assert "secret" not in str(refused.value)
        secret.write_text("new-secret")
        broker.produce(topic, numbers(10, 20))
        once_there(lambda: with_renewal(connector.credential, lambda: log.take(connector)))
        log.take_all(connector)
        assert log.lines == {"0": numbers(0, 20)}
        connector.close()
    finally:
        gate.shut()


def test_two_members_share_a_log_and_nothing_is_lost_or_doubled(
    broker: KafkaBroker, topic: str, connect: Opens
) -> None:
    broker.create(topic)
    log, failures, written = Log(NOWHERE), list[BaseException](), 0

    def read(connector: Kafka, is_over: threading.Event) -> None:
        try:
            while not is_over.is_set():
                log.take(connector)
        except BaseException as error:  # noqa: BLE001 shown by the test
            failures.append(error)
        finally:
            connector.close()  # which gives its partitions to the other

    def start() -> tuple[Kafka, threading.Event, threading.Thread]:
        connector, is_over = connect(linger_seconds=0.05), threading.Event()
        thread = threading.Thread(target=read, args=(connector, is_over))
        thread.start()
        return connector, is_over, thread

    def write_until(is_enough: Callable[[], bool]) -> None:
        nonlocal written
        while not is_enough() and not failures:
            for partition in range(4):
                broker.produce(topic, numbers(written, written + 20), partition=partition)
            written += 20
            threading.Event().wait(0.02)

    stays, stays_over, stays_thread = start()
    write_until(lambda: log.won[stays] > 3)
    leaves, leaves_over, leaves_thread = start()
    write_until(lambda: log.won[leaves] > 3)
    leaves_over.set()
    leaves_thread.join(60)
    before = log.won[stays]
    write_until(lambda: log.won[stays] > before + 3 and set(log.last) == {"0", "1", "2", "3"})
    while sum(map(len, log.lines.values())) < 4 * written and not failures:
        threading.Event().wait(0.05)
    stays_over.set()
    stays_thread.join(60)
    assert failures == []
    assert log.lost > 0
    assert log.lines == {str(partition): numbers(0, written) for partition in range(4)}
