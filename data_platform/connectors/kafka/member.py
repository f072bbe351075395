"""A member of a consumer group that reads from where it is told to. The group only shares out partitions; the offsets
that it holds are never used.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from data_platform.connectors.kafka.client import Client

_PASSING = {KafkaError._PARTITION_EOF, KafkaError._MAX_POLL_EXCEEDED}  # the next read joins the group again


class Member:
    """A reader of the partitions that the group gives to it. It joins at the first read.

    Attributes:
        assigned: its partitions; None while the group has given out none.
    """

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._topic = topic
        self._client = Client(config, topic)
        self._next: dict[int, int] = {}
        self._is_subscribed = False
        self._is_astray = False  # the consumer may have given out messages that nobody got
        self.assigned: frozenset[int] | None = None

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset to read next, by partition; in another member's partitions the one it was told."""
        return dict(self._next)

    def move_to(self, offsets: Mapping[int, int]) -> None:
        """Reads on from `offsets`, wherever it stood before."""
        mine = self.assigned or frozenset()
        is_elsewhere = self._is_astray or any(self._next.get(p) != offsets.get(p, 0) for p in mine)
        self._next = dict(offsets)
        if mine and is_elsewhere:
            with self._client.answered():
                # Not `seek`, which fails in a partition that is not being fetched at the moment.
                self._client.consumer.assign(self._standing(mine))
        self._is_astray = False

    def read(self, limit: int, *, seconds: float) -> list[Message]:
        """Up to `limit` messages, waiting for all of them up to `seconds`.

        Raises:
            SourceGap: the brokers no longer have the offset that comes next.
            SourceUnavailable: the brokers cannot give the next message. Where they merely do not answer, there is none.
            SourceRefused: the brokers do not take the credential.
        """
        self._is_astray = True
        with self._client.answered():
            if not self._is_subscribed:
                self._client.consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
                self._is_subscribed = True
            messages = self._taken(self._client.consumer.consume(limit, seconds))
            self._pass_control_records()
        if not messages:
            self._client.require_credential_taken()
        self._is_astray = False
        return messages

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Tells the group how far it is, for Kafka's own tools to show. Whether this arrives decides nothing."""
        mine = [TopicPartition(self._topic, p, offset) for p, offset in offsets.items() if p in (self.assigned or ())]
        if mine:
            with suppress(KafkaException):
                self._client.consumer.commit(offsets=mine, asynchronous=True)

    def use(self, username: str, password: str) -> None:
        """Proves itself with this from the next connection on."""
        self._is_astray = True
        self._client.use(username, password)

    def close(self) -> None:
        """Leaves the group."""
        self._client.consumer.close()

    def _taken(self, messages: list[Message]) -> list[Message]:
        taken, next_offsets = [], self._next
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() not in _PASSING:
                    raise self._client.meaning(error)
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            # A rebalance in the middle of a read begins a partition again at offsets that this read holds already.
            if offset >= next_offsets.get(partition, 0):
                next_offsets[partition] = offset + 1
                taken.append(message)
        return taken

    def _pass_control_records(self) -> None:
        """Moves behind the ends of transactions, and behind what was aborted in them: they are no messages."""
        for place in self._client.consumer.position([TopicPartition(self._topic, p) for p in self.assigned or ()]):
            if place.offset != OFFSET_INVALID and place.offset > self._next.get(place.partition, 0):
                self._next[place.partition] = place.offset

    def _standing(self, partitions: frozenset[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, p, self._next.setdefault(p, 0)) for p in sorted(partitions)]

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.assigned = frozenset(place.partition for place in partitions)
        consumer.assign(self._standing(self.assigned))

    def _on_revoke(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        self.assigned = None
        consumer.unassign()
