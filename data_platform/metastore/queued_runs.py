"""Runs that wait, or waited, for a place to run. Asking the orchestrator is in `orchestration.queue`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import QUEUED_RUNS
from data_platform.metastore.repository import Repeat, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRunEntry:
    """One run in the queue, as it was sampled last.

    Attributes:
        lane: the pool or priority class in which it waits.
        datasets: `{"names": [...]}`, what it is about.
        started_at: None while it waits.
        reason: why it waits: slot, quota, upstream or breaker; the last one, once it has started.
    """

    run_id: str
    job: str
    lane: str
    datasets: Mapping[str, Any] = field(default_factory=dict)
    enqueued_at: datetime
    started_at: datetime | None
    reason: str
    sampled_at: datetime


class QueuedRuns(Repository[QueuedRunEntry]):
    """Runs by id."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, QUEUED_RUNS, QueuedRunEntry)

    def record(self, runs: Iterable[QueuedRunEntry], *, tx: Transaction | None = None) -> None:
        """Writes samples; a start that is known stays known."""
        self._upsert(runs, repeat=Repeat(keep=("enqueued_at",), fill=("started_at",)), tx=tx)

    def waiting(self, *, tx: Transaction | None = None) -> tuple[QueuedRunEntry, ...]:
        """The runs that wait, the longest first."""
        statement = sa.select(QUEUED_RUNS).where(QUEUED_RUNS.c.started_at.is_(None))
        return self._select(statement.order_by(QUEUED_RUNS.c.enqueued_at, QUEUED_RUNS.c.run_id), tx=tx)

    def sampled(self, *, since: datetime, tx: Transaction | None = None) -> tuple[QueuedRunEntry, ...]:
        """The runs sampled at a moment or later, by id."""
        statement = sa.select(QUEUED_RUNS).where(QUEUED_RUNS.c.sampled_at >= since)
        return self._select(statement.order_by(QUEUED_RUNS.c.run_id), tx=tx)

    def forget(self, run_ids: Collection[str], *, tx: Transaction | None = None) -> int:
        """Forgets runs that left the queue without starting (somebody cancelled them)."""
        return self._delete(QUEUED_RUNS.c.run_id.in_(run_ids), tx=tx) if run_ids else 0

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets runs sampled before `before`."""
        return self._delete(QUEUED_RUNS.c.sampled_at < before, tx=tx)
