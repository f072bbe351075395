"""A Kafka broker for tests: the mock cluster of librdkafka, which speaks the real protocol over loopback sockets.

It lives as long as its producer. Every topic has four partitions, and a partition keeps its newest 5 MB or 100,000
batches. It knows no passwords, goes down for no test and does not tell readers which transactions were aborted; `Gate`,
a proxy in front of it, does all three.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable

from confluent_kafka import Consumer, Producer, TopicPartition

PARTITIONS = 4

_FETCH, _API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 1, 18, 17, 36


class KafkaBroker:
    """A broker with no topic yet; producing to a topic makes it."""

    def __init__(self) -> None:
        options = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0, "linger.ms": 1}
        self._producer = Producer({**options, "queue.buffering.max.messages": 1_000_000, "compression.type": "lz4"})
        (broker,) = self._producer.list_topics(timeout=10).brokers.values()
        self.port = int(broker.port)
        self.address = f"127.0.0.1:{self.port}"

    def produce(
        self, topic: str, values: Iterable[bytes | None], *, partition: int = 0, key: bytes | None = None
    ) -> None:
        """Writes messages to a partition, in order; they are there when this returns."""
        for number, value in enumerate(values):
            self._producer.produce(topic, value, key=key, partition=partition)
            if number % 1000 == 0:
                self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def create(self, topic: str) -> None:
        """Makes a topic without messages."""
        self._producer.list_topics(topic, timeout=10)

    def transaction(
        self, topic: str, values: Iterable[bytes], *, partition: int = 0, is_committed: bool = True
    ) -> None:
        """Writes messages in a transaction that is committed or aborted: a control record follows them."""
        producer = Producer({"bootstrap.servers": self.address, "transactional.id": topic, "log_level": 0})
        producer.init_transactions(10)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(10) == 0
        if is_committed:
            producer.commit_transaction(10)
        else:
            producer.abort_transaction(10)

    def overflow(self, topic: str, *, partition: int = 0) -> None:
        """Writes more than the partition keeps, so that its oldest messages go."""
        plain = Producer({"bootstrap.servers": self.address, "log_level": 0, "linger.ms": 1})
        for _ in range(24):
            plain.produce(topic, b'"' + b"x" * 500_000 + b'"', partition=partition)
        assert plain.flush(30) == 0

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The offset that a group has committed; negative for none."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group, "log_level": 0})
        try:
            return int(consumer.committed([TopicPartition(topic, partition)], timeout=10)[0].offset)
        finally:
            consumer.close()


class Gate:
    """A way to the broker that can be shut, and that may ask for a password (SASL PLAIN).

    Attributes:
        aborted: the offset of a batch whose transaction readers are told was aborted.

    It says of itself that it is the broker: in every answer its own port stands in place of the broker's.
    """

    def __init__(self, broker: KafkaBroker, *, password: str | None = None, aborted: int | None = None) -> None:
        self._broker_port = broker.port
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.password = password
        self.aborted = aborted
        self.port = 0
        self.open()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        """Lets clients through, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def shut(self) -> None:
        """Ends every connection; new ones are refused."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._sockets, self._threads = [], []

    def _start(self, work: object, *of: object) -> None:
        thread = threading.Thread(target=work, args=of, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """Passes on one request after the other, each with its answer; without a password, only what needs none."""
        is_trusted, fetches = self.password is None, set[int]()
        with client, socket.create_connection(("127.0.0.1", self._broker_port)) as broker, contextlib.suppress(OSError):
            self._sockets.append(broker)
            back = threading.Thread(target=self._answers, args=(broker, client, fetches), daemon=True)
            if is_trusted:
                back.start()
            while (request := _frame(client)) is not None:
                api, version, number = struct.unpack(">hhi", request[:8])
                if api == _SASL_HANDSHAKE:
                    _send(client, struct.pack(">ihih", number, 0, 1, 5) + b"PLAIN")
                elif api == _SASL_AUTHENTICATE:
                    said = request.rpartition(b"\0")[2].decode()
                    if said != self.password:
                        why = f"no: {said}".encode()  # an unwise broker, which repeats the secret
                        _send(client, struct.pack(">ihh", number, 58, len(why)) + why + struct.pack(">iq", 0, 0))
                        break
                    _send(client, struct.pack(">ihhiq", number, 0, -1, 0, 0))
                    is_trusted = True
                    back.start()
                elif is_trusted:
                    if api == _FETCH and version == 16:
                        fetches.add(number)
                    _send(broker, request)
                elif api == _API_VERSIONS:
                    _send(broker, request)
                    answer = _frame(broker)
                    # Version 0 is what librdkafka falls back to, and the mock takes no other.
                    _send(client, _with_sasl(answer or b"") if version == 0 else answer or b"")
                else:
                    break
            for one in (broker, client):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            if back.is_alive():
                back.join(10)

    def _answers(self, broker: socket.socket, client: socket.socket, fetches: set[int]) -> None:
        theirs = b"127.0.0.1" + struct.pack(">i", self._broker_port)
        ours = b"127.0.0.1" + struct.pack(">i", self.port)
        with contextlib.suppress(OSError):
            while (answer := _frame(broker)) is not None:
                (number,) = struct.unpack(">i", answer[:4])
                if self.aborted is not None and number in fetches:
                    answer = _with_aborted(answer, self.aborted)
                _send(client, answer.replace(theirs, ours))


def _with_sasl(answer: bytes) -> bytes:
    """An answer to ApiVersions, version 0, that also offers the two requests of SASL."""
    (count,) = struct.unpack(">i", answer[6:10])
    offered = b"".join(struct.pack(">hhh", api, 0, 1) for api in (_SASL_HANDSHAKE, _SASL_AUTHENTICATE))
    return answer[:6] + struct.pack(">i", count + 2) + answer[10:] + offered


def _with_aborted(answer: bytes, offset: int) -> bytes:
    """An answer to Fetch, version 16, of one topic: where a partition's first batch is at `offset`, it is aborted."""
    place = 4 + 1 + 10 + 1 + 16 + 1  # number, tags, status, one topic, its id, fewer than 127 partitions
    partitions = answer[place - 1] - 1 if len(answer) >= place else 0
    for _ in range(partitions):
        list_at = place + 6 + 24  # status and offsets; then the aborted transactions, none, and a replica
        assert answer[list_at] in (0, 1)
        size, start = _varint(answer, list_at + 1 + 4)
        batch = answer[start : start + size - 1]
        if len(batch) > 60 and struct.unpack(">q", batch[:8])[0] == offset:
            aborted = b"\x02" + batch[43:51] + struct.pack(">qB", offset, 0)  # of the producer that the batch names
            return answer[:list_at] + aborted + answer[list_at + 1 :]
        place = start + max(0, size - 1) + 1
    return answer


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number, and where what follows it begins."""
    value = shift = 0
    while data[place] & 0x80:
        value |= (data[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | data[place] << shift, place + 1


def _frame(of: socket.socket) -> bytes | None:
    size = _exactly(of, 4)
    return None if size is None else _exactly(of, struct.unpack(">i", size)[0])


def _exactly(of: socket.socket, size: int) -> bytes | None:
    got = bytearray()
    while len(got) < size:
        block = of.recv(size - len(got))
        if not block:
            return None
        got += block
    return bytes(got)


def _send(to: socket.socket, frame: bytes) -> None:
    to.sendall(struct.pack(">i", len(frame)) + frame)
