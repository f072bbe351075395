"""How one connector stands, as far as indicators and incidents are concerned. Diagnosing it is in `connectors`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStanding:
    """One source instance at a moment.

    Attributes:
        state: a word of `connectors.liveness.State`.
        detail: why, and what to do.
        beat_at: its newest beat; None if it was never heard of.
        expected_by: by when it has to be heard of again after it ended; None: nothing is expected.
        backlog: records (a file drop: files) that the source still has; None where unknown.
    """

    dataset: str
    source: str
    state: str
    detail: str
    is_healthy: bool
    beat_at: datetime | None
    expected_by: datetime | None = None
    backlog: int | None = None
    last_event_time: datetime | None = None
