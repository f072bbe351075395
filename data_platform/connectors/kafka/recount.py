"""Counts records between offsets by reading them once more, beside the group that ingests and apart from its state.

Offsets alone are no count: the ends of transactions, what was aborted in them, and what compaction removed have offsets
and no records.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, TopicPartition

from data_platform.connectors.kafka.client import Client
from data_platform.errors import SourceGap, SourceUnavailable

_BLOCK_RECORDS = 10_000
_BLOCK_SECONDS = 0.2
_MOST_SECONDS = 60.0

Spans = Mapping[int, tuple[int, int]]  # by partition: the first offset, and the one behind the last


class Recount:
    """A reader that keeps nothing but a number."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._client = Client(config, topic)

    def records(self, spans: Spans) -> int | None:
        """How many committed records lie in the spans; None where the brokers no longer have all of their offsets.

        Raises:
            SourceUnavailable: the brokers did not give them in time.
            SourceRefused: they did not take the credential.
        """
        client, topic = self._client, self._client.topic
        nexts = {partition: first for partition, (first, end) in spans.items() if first < end}
        rows, until = 0, time.monotonic() + _MOST_SECONDS
        try:
            with client.answered():
                client.consumer.assign([TopicPartition(topic, partition, first) for partition, first in nexts.items()])
                while behind := [partition for partition, place in nexts.items() if place < spans[partition][1]]:
                    if time.monotonic() > until:
                        raise SourceUnavailable(f"topic {topic}: the brokers did not give what was to be counted")
                    rows += self._read(nexts, spans)
                    for place in client.consumer.position([TopicPartition(topic, p) for p in behind]):
                        if place.offset != OFFSET_INVALID:  # it passes what is no record
                            nexts[place.partition] = max(nexts[place.partition], place.offset)
                client.consumer.unassign()
        except SourceGap:
            return None
        return rows

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.consumer.close()

    def _read(self, nexts: dict[int, int], spans: Spans) -> int:
        rows = 0
        for message in self._client.consumer.consume(_BLOCK_RECORDS, _BLOCK_SECONDS):
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise self._client.meaning(error)
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            rows += nexts[partition] <= offset < spans[partition][1]
            nexts[partition] = max(nexts[partition], offset + 1)
        return rows
