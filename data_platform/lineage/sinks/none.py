"""The sink that forgets every event, for who wants no lineage anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_platform.lineage.sinks.protocol import SinkPlace, read_config
from data_platform.metastore.outbox import OutboxEntry


class NoConfig(BaseModel):
    """There is nothing to say about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoSink:
    """Takes everything and keeps nothing."""

    def __init__(self, word: str, options: Mapping[str, Any], _place: SinkPlace) -> None:
        read_config(NoConfig, word, options)
        self.name = word

    def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:  # noqa: ARG002
        """All of them."""
        return len(events)

    def close(self) -> None:
        """Nothing is held."""
