"""The last beat of every connector, and the windows in which their silence is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository
from data_platform.metastore.tables import HEARTBEATS, MAINTENANCE, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A connector's newest beat.

    Attributes:
        instance: the process, as host and process id.
        started_at: when this run of it began.
        progressed_at: when its position last changed.
        turned_at: when its loop last came round, whatever it brought; None of beats before this was noted.
        ended_at: when the run ended, well or not; None while it goes on, or where its process died.
        rows: how many this run brought.
        backlog: how many records (a file drop: files) the source still has; None where unknown.
        next_expected_at: by when it has to be heard of again after it ended; None: nothing is expected.
    """

    dataset: str
    source: str
    kind: str
    instance: str
    phase: Phase
    started_at: datetime
    beat_at: datetime
    progressed_at: datetime
    position: Mapping[str, Any]
    turned_at: datetime | None = None
    ended_at: datetime | None = None
    rows: int = 0
    last_event_time: datetime | None = None
    backlog: int | None = None
    credential_age_seconds: float | None = None
    next_expected_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A time in which connectors may be silent. Empty `dataset` and `source` mean all."""

    dataset: str
    source: str
    starts_at: datetime
    ends_at: datetime
    who: str
    reason: str


class Heartbeats(Repository[Heartbeat]):
    """One line for each source: its newest beat."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, HEARTBEATS, Heartbeat)

    def beat(self, heartbeat: Heartbeat, *, tx: Transaction | None = None) -> None:
        """Replaces the source's beat, unless a newer one is there."""
        self._upsert([heartbeat], repeat=Repeat(only_if=("beat_at",)), tx=tx)

    def of(self, dataset: str, *, source: str, tx: Transaction | None = None) -> Heartbeat | None:
        """The source's newest beat; None if it was never heard of."""
        of_source = (HEARTBEATS.c.dataset == dataset, HEARTBEATS.c.source == source)
        return self._first(sa.select(HEARTBEATS).where(*of_source), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[Heartbeat, ...]:
        """The newest beat of every source that was ever heard of."""
        return self._select(sa.select(HEARTBEATS), tx=tx)


class Maintenance(Repository[MaintenanceWindow]):
    """Declared windows."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, MAINTENANCE, MaintenanceWindow)

    def declare(self, window: MaintenanceWindow, *, tx: Transaction | None = None) -> None:
        """Adds a window."""
        self._append([window], tx=tx)

    def windows(self, *, ending_after: datetime, tx: Transaction | None = None) -> tuple[MaintenanceWindow, ...]:
        """Windows that end after a moment, in the order of their beginning."""
        columns = [column for column in MAINTENANCE.columns if column.name != "id"]
        statement = sa.select(*columns).where(MAINTENANCE.c.ends_at > ending_after)
        return self._select(statement.order_by(MAINTENANCE.c.starts_at), tx=tx)
