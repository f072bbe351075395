"""Runs of the whole estate at once: which datasets keep failing, and the last runs of some of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.partitions import WHOLE_TABLE
from data_platform.metastore.repository import Repository
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import PARTITIONS, RUNS, RunState

_FAILURES = (RunState.FAILED, RunState.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingEntry:
    """A dataset whose runs have failed ever since it was last published.

    Attributes:
        since: when the first of these runs began.
        failures: how many they are.
        run_id, state, error, failed_at: of the last of them; `failed_at` is when it began.
    """

    dataset: str
    since: datetime
    failures: int
    run_id: str
    state: RunState
    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRows:
    """How many raw rows the last run over a partition read."""

    dataset: str
    partition: str
    raw_rows: int
    recorded_at: datetime


class RunOverview(Repository[RunEntry]):
    """Questions over the runs of many datasets."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RUNS, RunEntry)

    def failing(self, *, tx: Transaction | None = None) -> tuple[FailingEntry, ...]:
        """Datasets that failed or were blocked after their last success, the longest first."""
        later = RUNS.alias()
        succeeded_after = sa.select(later.c.run_id).where(
            later.c.dataset == RUNS.c.dataset,
            later.c.state == RunState.SUCCEEDED,
            later.c.started_at >= RUNS.c.started_at,
        )
        is_open = ~succeeded_after.exists()
        own = RUNS.c
        by = own.dataset
        place = sa.func.row_number().over(partition_by=by, order_by=(own.started_at.desc(), own.run_id))
        ranked = (
            sa.select(
                own.dataset,
                sa.func.min(own.started_at, type_=own.started_at.type).over(partition_by=by).label("since"),
                sa.func.count().over(partition_by=by).label("failures"),
                own.run_id,
                own.state,
                own.error,
                own.started_at.label("failed_at"),
                place.label("place"),
            )
            .where(own.state.in_(_FAILURES), is_open)
            .subquery()
        )
        columns = [ranked.c[name] for name in FailingEntry.__slots__]
        statement = sa.select(*columns).where(ranked.c.place == 1).order_by(ranked.c.since, ranked.c.dataset)
        with self._database.reading(tx) as connection:
            return tuple(FailingEntry(**row) for row in connection.execute(statement).mappings())

    def recent(
        self,
        datasets: Collection[str] | None = None,
        *,
        failed_only: bool = False,
        limit: int = 50,
        tx: Transaction | None = None,
    ) -> tuple[RunEntry, ...]:
        """The runs that began last, over all datasets or over these."""
        statement = sa.select(RUNS).order_by(RUNS.c.started_at.desc(), RUNS.c.run_id, RUNS.c.dataset)
        if failed_only:
            statement = statement.where(RUNS.c.state.in_(_FAILURES))
        if datasets is not None:
            statement = statement.where(RUNS.c.dataset.in_(datasets))
        return self._select(statement.limit(limit), tx=tx)

    def partition_rows(
        self, datasets: Collection[str], *, limit: int, tx: Transaction | None = None
    ) -> tuple[PartitionRows, ...]:
        """Of each dataset the rows of its last `limit` days, by dataset and day."""
        own = PARTITIONS.c
        day = sa.func.row_number().over(partition_by=own.dataset, order_by=own.partition.desc()).label("day")
        chosen = (own.dataset.in_(datasets), own.partition != WHOLE_TABLE)
        days = sa.select(*(own[name] for name in PartitionRows.__slots__), day).where(*chosen).subquery()
        columns = [days.c[name] for name in PartitionRows.__slots__]
        statement = sa.select(*columns).where(days.c.day <= limit).order_by(days.c.dataset, days.c.partition)
        with self._database.reading(tx) as connection:
            return tuple(PartitionRows(**row) for row in connection.execute(statement).mappings())
