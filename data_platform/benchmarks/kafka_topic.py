"""A broker with a topic of small records, as a process of its own: the client library's broker, over loopback sockets.

Prints its address when every record is there, and ends on SIGTERM. It keeps about 5 MB a partition, as compressed.
Usage: python -m data_platform.benchmarks.kafka_topic RECORDS
"""

from __future__ import annotations

import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

from data_platform.benchmarks.kafka_to_raw import PARTITIONS, TOPIC
from data_platform.errors import FatalError
from data_platform.termination import held_back

_FLUSH_SECONDS = 60


def record(number: int) -> bytes:
    """A small order, about 100 bytes."""
    moment = f"2026-03-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:{number % 59:02}Z"
    order = {"order_id": f"o-{number:09}", "ordered_at": moment, "quantity": number % 90 + 1, "amount": number % 9973}
    return json.dumps(order).encode()


def main(records: int) -> None:
    """Fills the topic and waits.

    Raises:
        FatalError: the broker does not hold every record.
    """
    told_to_end = held_back()
    broker = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0}
    producer = Producer(
        {**broker, "compression.type": "lz4", "linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    )
    (address,) = producer.list_topics(timeout=10).brokers.values()
    for number in range(records):
        producer.produce(TOPIC, record(number), partition=number % PARTITIONS)
        if number % 10_000 == 0:
            producer.poll(0)
    if producer.flush(_FLUSH_SECONDS) or _held(f"127.0.0.1:{address.port}") != records:
        raise FatalError(f"the broker does not hold all of {records:,} records; take fewer")
    sys.stdout.write(f"127.0.0.1:{address.port}\n")
    sys.stdout.flush()
    told_to_end()


def _held(address: str) -> int:

    consumer = Consumer({"bootstrap.servers": address, "group.id": "count", "log_level": 0})
    ranges = [
        consumer.get_watermark_offsets(TopicPartition(TOPIC, p), timeout=10, cached=False) for p in range(PARTITIONS)
    ]
    consumer.close()
    return sum(high - low for low, high in ranges)


if __name__ == "__main__":
    main(int(sys.argv[1]))
