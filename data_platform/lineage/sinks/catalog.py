"""The embedded catalog as a sink. What it makes of events is in `catalog`, which wiring hands in as one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_platform.errors import SinkRefused
from data_platform.lineage.sinks.protocol import SinkPlace, read_config
from data_platform.metastore.outbox import OutboxEntry


class CatalogConfig(BaseModel):
    """There is nothing to say about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogSink:
    """Hands events to the catalog, which holds each once by its id."""

    def __init__(self, word: str, options: Mapping[str, Any], place: SinkPlace) -> None:
        read_config(CatalogConfig, word, options)
        self.name = word
        self._take = place.take

    def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:  # noqa: ARG002
        """All of them, up to the first that the catalog refuses; those behind it come again, and change nothing.

        Raises:
            SinkRefused: the first is one that the catalog cannot read.
            RetryableError: the database did not answer; some may be taken, and sending them again is safe.
        """
        refusals = self._take([event.payload for event in events])
        taken = next((place for place, why in enumerate(refusals) if why), len(events))
        if taken == 0:
            raise SinkRefused(f"the catalog refused an event: {refusals[0]}")
        return taken

    def close(self) -> None:
        """The catalog is not ours to close."""
