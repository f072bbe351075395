"""Options of a `kafka` entry, and what librdkafka is told of them."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_platform.connectors.kafka.records import RecordFields
from data_platform.connectors.options import Options
from data_platform.credentials import CredentialRef

_QUEUE_BYTES = (1 << 20, 1 << 26)  # the least and the most that is fetched ahead of the reader
_FETCH_BYTES = 50 << 20  # librdkafka's own bound of one answer


class Start(StrEnum):
    """Where the very first poll begins."""

    EARLIEST = "earliest"
    LATEST = "latest"


class Security(BaseModel):
    """How a client proves who it is.

    Attributes:
        ca_file: certificates to trust, relative to the project's source folder; None: the system's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str = Field(pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$")
    mechanism: str | None = Field(default=None, pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")
    username: str | None = None
    password: CredentialRef | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Security:
        has = [value is not None for value in (self.mechanism, self.username, self.password)]
        if any(has) != all(has) or all(has) != self.protocol.startswith("SASL"):
            raise ValueError("a SASL protocol needs mechanism, username and password; the others take none of them")
        return self

    def client_config(self, folder: Path, *, password: str | None) -> dict[str, Any]:
        """The configuration of librdkafka."""
        config: dict[str, Any] = {"security.protocol": self.protocol}
        if self.ca_file is not None:
            config["ssl.ca.location"] = str(folder / self.ca_file)
        if password is not None:
            config |= {"sasl.mechanism": self.mechanism, "sasl.username": self.username, "sasl.password": password}
        return config


class KafkaOptions(Options):
    """Options of a `kafka` entry.

    Attributes:
        bootstrap: `host:port`, several separated by commas.
        group: the consumer group; by default `data_platform.<domain>.<entry>`.
        start: counts only while there is no batch at all; `latest` is made offsets at once.
        linger_seconds: how long a poll collects after its first record.
        fields: what Kafka knows about a record, as fields of it.
        count_every: how often what was taken is held against the offsets of the topic.
        count_records: how many offsets are read once more each time, where offsets alone prove nothing; 0: none.
    """

    bootstrap: str = Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    group: str | None = None
    start: Start = Start.EARLIEST
    security: Security | None = None
    max_batch_records: int = Field(default=500_000, gt=0)
    linger_seconds: float = Field(default=1.0, ge=0, le=60)
    fields: RecordFields = RecordFields()
    count_every: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(0))
    count_records: int = Field(default=100_000, ge=0)

    def client_config(self, *, group: str, folder: Path, password: str | None) -> dict[str, Any]:
        """The configuration of librdkafka.

        Args:
            group: the consumer group where none is written.
            folder: what paths are relative to.
            password: of `security`.
        """
        least, most = _QUEUE_BYTES
        queue = min(most, max(least, self.max_batch_bytes))
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "group.id": self.group or group,
            "queued.max.messages.kbytes": queue >> 10,
            "fetch.max.bytes": min(queue, _FETCH_BYTES),
        }
        if self.security is not None:
            config |= self.security.client_config(folder, password=password)
        return config
