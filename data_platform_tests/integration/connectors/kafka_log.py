"""What tests of the kafka connector share: a topic of their own, connectors to it, and a landing log in plain Python."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_platform.connectors.kafka.connector import Kafka
from data_platform.connectors.protocol import Place, Poll
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform_tests.integration.connectors.kafka_broker import KafkaBroker

NOWHERE: Mapping[str, Any] = {"offsets": {"0": 0, "1": 0, "2": 0, "3": 0}}
PATIENT = 2.0  # linger_seconds that gather all partitions into one poll, on a busy machine too
TOPICS = (f"topic-{number}" for number in itertools.count())

Opens = Callable[..., Kafka]


def connections(broker: KafkaBroker, topic: str, folder: Path) -> Iterator[Opens]:
    """Opens connectors to a topic, and closes them."""
    opened: list[Kafka] = []

    def connect(**options: Any) -> Kafka:
        written = {"bootstrap": broker.address, "topic": topic, "group": topic, "linger_seconds": 0.2} | options
        dataset = DatasetName.parse("raw.shop.orders")
        entry = ConnectorEntry(
            name="orders", kind="kafka", dataset=dataset, options=written, path="connectors.yaml", line=7
        )
        opened.append(Kafka(entry, Place(source=folder, spool=folder / "spool")))
        return opened[-1]

    yield connect
    for connector in opened:
        connector.close()


class Log:
    """A landing log: it takes a poll only if nobody else's came first since the position that the poll began at."""

    def __init__(self, position: Mapping[str, Any] | None = None) -> None:
        self.position: Mapping[str, Any] = position or {}
        self.lines: dict[str, list[bytes]] = {}
        self.lost = 0
        self.won: Counter[Kafka] = Counter()
        self.last: tuple[str, ...] = ()
        self._turn = threading.Lock()

    def take(self, connector: Kafka) -> Poll | None:
        """One turn of the loop."""
        before = self.position
        poll = connector.poll(before, never)
        if poll is None:
            return None
        with self._turn:
            is_first = self.position is before
            for delivery in poll.deliveries:
                if is_first:
                    self.lines.setdefault(delivery.source_partition, []).extend(lines(delivery.path))
                delivery.path.unlink()
            if is_first:
                self.position = poll.position_to
                self.won[connector] += bool(poll.deliveries)
                self.last = tuple(delivery.source_partition for delivery in poll.deliveries)
                connector.acknowledge(poll.position_to)
            else:
                self.lost += 1
        return poll

    def take_all(self, connector: Kafka) -> None:
        while self.take(connector) is not None:
            pass


def never(name: str, sha256: str) -> bool:
    return False


def lines(path: Path) -> list[bytes]:
    text = path.read_bytes()
    assert text.endswith(b"\n")
    return text[:-1].split(b"\n")


def numbers(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(first, last)]


def polled(connector: Kafka, position: Mapping[str, Any]) -> Poll:
    poll = connector.poll(position, never)
    assert poll is not None
    return poll
