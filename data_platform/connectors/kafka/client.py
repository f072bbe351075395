"""A Kafka client for one topic, and what its errors mean to the platform. It connects by itself, and again after every
failure. `Topic` asks what the topic holds; reading as a member of a group is in `kafka_member`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from data_platform.connectors.kafka.offsets import Extent
from data_platform.errors import ConfigurationError, SourceGap, SourceRefused, SourceUnavailable

_ANSWER_SECONDS = 5.0
_REFUSED = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
_GONE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION}
_CONFIG: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "session.timeout.ms": 10_000,  # how long a member that died keeps its partitions from the others
    "max.poll.interval.ms": 900_000,  # committing a large batch may take minutes
    "fetch.queue.backoff.ms": 50,  # how soon fetching goes on once the queue has room
    "reconnect.backoff.max.ms": 2_000,
    "socket.timeout.ms": 10_000,  # bounds how long closing waits for brokers that do not answer
    "topic.metadata.refresh.interval.ms": 30_000,  # after which new partitions are given out
    "log_level": 2,  # errors arrive as errors; librdkafka would write them to standard error as well
}


class Client:
    """A connection to the brokers of a topic."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self.topic = topic
        self._servers = config["bootstrap.servers"]
        self._failure: KafkaError | None = None
        try:
            self.consumer: Consumer = Consumer({**_CONFIG, **config, "error_cb": self._on_error})
        except KafkaException as error:
            raise ConfigurationError(f"topic {topic}: Kafka's client refuses its options: {error}") from error

    def use(self, username: str, password: str) -> None:
        """Proves itself with this from the next connection on; librdkafka goes on connecting while it is refused."""
        self.consumer.set_sasl_credentials(username, password)
        self.consumer.poll(0)  # serves what `error_cb` has yet to hear about the former one
        self._failure = None

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Kafka's errors in the block become the platform's.

        Raises:
            SourceUnavailable: the brokers did not answer, or know no such topic.
            SourceRefused: the brokers did not take the credential.
            SourceGap: the brokers no longer have the offset that was asked for.
        """
        try:
            yield
        except KafkaException as error:
            self.consumer.poll(0)  # serves `error_cb`, which knows more than "timed out"
            failure, self._failure = self._failure, None
            raise self.meaning(failure or error.args[0]) from error

    def require_credential_taken(self) -> None:
        """The brokers refused nothing since the last call.

        Raises:
            SourceRefused: they did.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise self.meaning(failure)

    def meaning(self, error: KafkaError) -> Exception:
        """The platform's error for one of Kafka's."""
        place = f"topic {self.topic} at {self._servers}"
        if error.code() in _REFUSED:  # without the broker's words, which may repeat what it was sent
            return SourceRefused(
                f"{place}: the brokers refused the credential ({error.name()}); renew it, or let it read the topic"
            )
        if error.code() in _GONE:
            return SourceGap(f"{place}: the offset to read next is gone at the source ({error.str()})")
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return SourceUnavailable(f"{place}: the brokers know no such topic; create it, or mend the name")
        return SourceUnavailable(f"{place}: {error.str()}; poll again when the brokers answer")

    def _on_error(self, error: KafkaError) -> None:
        # librdkafka connects again by itself, but with the credential that it was given.
        if error.code() in _REFUSED:
            self._failure = error


class Topic:
    """What a topic holds. Its connection is its own: on one that waits for records a broker answers nothing else."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._client = Client(config, topic)

    def extents(self) -> dict[int, Extent]:
        """What every partition holds; raises as `Client.answered`."""
        client = self._client
        with client.answered():
            found = client.consumer.list_topics(client.topic, timeout=_ANSWER_SECONDS).topics[client.topic]
            if found.error is not None or not found.partitions:
                raise KafkaException(found.error or KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
            partitions = sorted(found.partitions)
        lows, highs = self.at(OFFSET_BEGINNING, partitions), self.at(OFFSET_END, partitions)
        return {partition: Extent(lows[partition], highs[partition]) for partition in partitions}

    def at(self, moment: int, partitions: Iterable[int]) -> dict[int, int]:
        """The first offset not older than a moment in milliseconds since 1970, by partition; negative for none.

        In the protocol (ListOffsets) two moments mean the beginning and the end of what committed readers see. Unlike
        Kafka's watermark call this asks for all partitions at once.
        """
        client = self._client
        asked = [TopicPartition(client.topic, partition, moment) for partition in partitions]
        with client.answered():
            answers = client.consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
            for answer in answers:
                if answer.error is not None:
                    raise KafkaException(answer.error)
        return {answer.partition: answer.offset for answer in answers}

    def use(self, username: str, password: str) -> None:
        """Proves itself with this from the next connection on."""
        self._client.use(username, password)

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.consumer.close()
