"""Kafka messages as lines of spool files: one file per partition, one line per message, in the order of offsets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from pydantic import BaseModel, ConfigDict, model_validator

from data_platform.connectors.protocol import Delivery
from data_platform.connectors.spool_file import SpoolFile, one_line


class RecordFields(BaseModel):
    """Names under which a record also gets what Kafka knows about it; None: not.

    They are put before the record's own fields, in values that are JSON objects only. A record that has a field of
    that name itself is refused by the reader, as every object with a key twice.

    Attributes:
        offset, partition: integers.
        timestamp: ISO 8601 in UTC, to the millisecond; null where the topic has none.
        key: text; null where the message has no key. Bytes that are not UTF-8 are written as escapes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: str | None = None
    partition: str | None = None
    timestamp: str | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _are_names_apart(self) -> RecordFields:
        names = [name for name in (self.offset, self.partition, self.timestamp, self.key) if name is not None]
        if "" in names or len(set(names)) < len(names):
            raise ValueError("write a name for each, and each another")
        return self

    def writers(self) -> list[tuple[str, Callable[[Message], bytes]]]:
        """The names in use, each with what writes its value as JSON."""
        known = [
            (self.offset, lambda message: b"%d" % message.offset()),
            (self.partition, lambda message: b"%d" % message.partition()),
            (self.timestamp, lambda message: _moment(*message.timestamp())),
            (self.key, lambda message: _text(message.key())),
        ]
        return [(name, write) for name, write in known if name]


class RecordFiles:
    """The spool files of one poll. Leaving the block without `finish` removes them."""

    def __init__(self, folder: Path, *, topic: str, fields: RecordFields) -> None:
        self._folder = folder
        self._topic = topic
        writers = fields.writers()
        self._members = b",".join(json.dumps(name).encode().replace(b"%", b"%%") + b":%s" for name, _ in writers)
        self._writers = [write for _, write in writers]
        self._files: dict[int, SpoolFile] = {}
        self._ends: dict[int, tuple[int, int]] = {}
        self.rows = 0
        self.size_bytes = 0

    def __enter__(self) -> RecordFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.discard()

    def add(self, messages: Iterable[Message]) -> None:
        """Adds messages; those of a partition come in the order of offsets."""
        parts: dict[int, list[Message]] = {}
        for message in messages:
            parts.setdefault(message.partition() or 0, []).append(message)
        for partition, found in parts.items():
            self._add(partition, found)

    def finish(self) -> tuple[Delivery, ...]:
        """The deliveries, by name; a name says the first and the last offset of its records."""
        deliveries = []
        for partition, file in self._files.items():
            first, last = self._ends[partition]
            name = f"{self._topic}/{partition}/{first}-{last}.ndjson"
            deliveries.append(file.finish(name=name, source_partition=str(partition)))
        self._files = {}
        return tuple(sorted(deliveries, key=lambda delivery: delivery.name))

    def _add(self, partition: int, messages: Sequence[Message]) -> None:
        if partition not in self._files:
            self._files[partition] = SpoolFile(self._folder, f"{self._topic}/{partition}")
        block = _block([message.value() for message in messages]) if not self._writers else self._widened(messages)
        self._files[partition].write_block(block, rows=len(messages))
        first, last = messages[0].offset() or 0, messages[-1].offset() or 0
        self._ends[partition] = (self._ends.get(partition, (first, 0))[0], last)
        self.rows += len(messages)
        self.size_bytes += len(block)

    def _widened(self, messages: Iterable[Message]) -> bytes:
        members, writers = self._members, self._writers
        return b"".join(
            with_members(one_line(message.value()), members % tuple([write(message) for write in writers])) + b"\n"
            for message in messages
        )


def with_members(line: bytes, members: bytes) -> bytes:
    """A JSON object with more members before its own; any other line as it is.

    The line is not parsed: what was no JSON before is none afterwards.
    """
    if line.startswith(b'{"'):
        return b"{" + members + b"," + line[1:]
    start = line.lstrip(b" \t")
    if not start.startswith(b"{"):
        return line
    return b"{" + members + (b"" if start[1:].lstrip(b" \t").startswith(b"}") else b",") + start[1:]


def _block(values: Sequence[bytes | None]) -> bytes:
    """Values as lines. Looking through all of them at once is several times as fast as through each."""
    present = [value for value in values if value and not value.isspace()]
    if len(present) == len(values):
        block = b"\n".join(present) + b"\n"
        if block.count(b"\n") == len(values) and b"\r" not in block:
            return block
    return b"".join(one_line(value) + b"\n" for value in values)


def _moment(kind: int, milliseconds: int) -> bytes:
    second = None if kind == TIMESTAMP_NOT_AVAILABLE else _second(milliseconds // 1000)
    return b"null" if second is None else b'"%s.%03dZ"' % (second, milliseconds % 1000)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> bytes | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
    except (ValueError, OverflowError, OSError):  # a producer may write any number
        return None


def _text(key: bytes | str | None) -> bytes:
    if key is None:
        return b"null"
    return json.dumps(key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key).encode()
