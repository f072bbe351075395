"""What runs used, a line for each run, dataset and day (UTC). What it costs is decided in `costs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_platform.contracts.days import beginning_of, end_of
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.metric_rollups import PrunedCounts
from data_platform.metastore.repository import Repository, insert, rows_of
from data_platform.metastore.tables import RUNS, RunState
from data_platform.metastore.usage_tables import RUN_METERS

_ADDED = (
    "wall_seconds", "cpu_seconds", "memory_byte_seconds", "bytes_read", "bytes_written", "logical_bytes_in",
)  # fmt: skip
_KEY = ("run_id", "dataset", "metered_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeterEntry:
    """What one run used over one dataset on one day.

    Attributes:
        dataset: or the name of platform work that is no dataset's.
        owner, cost_centre, tags: as they were then; a later change of hands does not move what was used before.
        peak_memory_bytes: the most that the whole process held while the run was under way.
    """

    run_id: str
    dataset: str
    metered_on: date
    started_at: datetime
    ended_at: datetime
    owner: str = ""
    cost_centre: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_byte_seconds: float = 0.0
    peak_memory_bytes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    logical_bytes_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedEntry:
    """What all runs over one dataset used in some days, for one owner, cost centre and set of tags.

    Attributes:
        runs: one that went on past midnight counts on both days.
    """

    dataset: str
    owner: str
    cost_centre: str
    tags: Mapping[str, str]
    runs: int
    wall_seconds: float
    cpu_seconds: float
    memory_byte_seconds: float
    bytes_read: int
    bytes_written: int
    logical_bytes_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmeteredEntry:
    """Runs over a dataset that left no meter.

    Attributes:
        state: where their ledger says they stand; what still runs there is what a process died over.
    """

    dataset: str
    state: RunState
    runs: int


class RunMeters(Repository[RunMeterEntry]):
    """Lines by run, dataset and day."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RUN_METERS, RunMeterEntry)
        self._pruned = PrunedCounts(database)
        self._addition: Any = None

    def add(self, entries: Iterable[RunMeterEntry], *, tx: Transaction | None = None) -> None:
        """Adds what was used to what the same run used that day before: a retry costs as well."""
        rows = sorted(rows_of(entries), key=lambda row: [row[name] for name in _KEY])
        if not rows:
            return
        with self._database.writing(tx) as connection:
            if self._addition is None:  # kept: composing it takes as long as running it
                self._addition = _addition(connection)
            connection.execute(self._addition, rows)

    def of_run(self, run_id: str, *, tx: Transaction | None = None) -> tuple[RunMeterEntry, ...]:
        """Everything that one run used, in the order in which it began."""
        statement = sa.select(RUN_METERS).where(RUN_METERS.c.run_id == run_id)
        return self._select(statement.order_by(RUN_METERS.c.started_at, RUN_METERS.c.dataset), tx=tx)

    def of_dataset(self, dataset: str, *, limit: int = 50, tx: Transaction | None = None) -> tuple[RunMeterEntry, ...]:
        """What the last runs over a dataset used, the newest first."""
        statement = sa.select(RUN_METERS).where(RUN_METERS.c.dataset == dataset)
        return self._select(statement.order_by(RUN_METERS.c.started_at.desc()).limit(limit), tx=tx)

    def totals(self, first: date, last: date, *, tx: Transaction | None = None) -> tuple[UsedEntry, ...]:
        """What was used from `first` to `last`, both included, by dataset, owner, cost centre and tags."""
        own = RUN_METERS.c
        by = (own.dataset, own.owner, own.cost_centre, own.tags)
        # PostgreSQL sums whole numbers of 64 bits as numerics
        sums = [sa.cast(sa.func.sum(own[name]), own[name].type).label(name) for name in _ADDED]
        statement = (
            sa.select(*by, sa.func.count().label("runs"), *sums)
            .where(own.metered_on.between(first, last))
            .group_by(*by)
            .order_by(*by)
        )
        with self._database.reading(tx) as connection:
            return tuple(UsedEntry(**row) for row in connection.execute(statement).mappings())

    def by_day(self, first: date, last: date, *, tx: Transaction | None = None) -> Mapping[date, UsedEntry]:
        """What all runs together used on each day from `first` to `last`, both included; under no name."""
        own = RUN_METERS.c
        sums = [sa.cast(sa.func.sum(own[name]), own[name].type).label(name) for name in _ADDED]
        runs = sa.func.count(own.run_id.distinct()).label("runs")
        days = sa.select(own.metered_on, runs, *sums).where(own.metered_on.between(first, last))
        with self._database.reading(tx) as connection:
            found = connection.execute(days.group_by(own.metered_on)).mappings().all()
        nobody: dict[str, Any] = {"dataset": "", "owner": "", "cost_centre": "", "tags": {}}
        return {
            row["metered_on"]: UsedEntry(**nobody, **{k: row[k] for k in row if k != "metered_on"}) for row in found
        }

    def unmetered(
        self, first: date, last: date, *, now: datetime, grace: timedelta, tx: Transaction | None = None
    ) -> tuple[UnmeteredEntry, ...]:
        """Runs that began from `first` to `last` and more than `grace` before `now`, of which no meter tells."""
        own, runs = RUN_METERS.c, RUNS.c
        metered = sa.exists().where(own.run_id == runs.run_id, own.dataset == runs.dataset)
        high = min(end_of(last), now - grace)
        statement = (
            sa.select(runs.dataset, runs.state, sa.func.count().label("runs"))
            .where(runs.started_at >= beginning_of(first), runs.started_at < high, ~metered)
            .group_by(runs.dataset, runs.state)
            .order_by(runs.dataset, runs.state)
        )
        with self._database.reading(tx) as connection:
            return tuple(UnmeteredEntry(**row) for row in connection.execute(statement).mappings())

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets days before `before`, except what each owner used of what counters show."""
        own = RUN_METERS.c
        is_gone = own.metered_on < before.date()
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            for counted in (own.cpu_seconds, own.bytes_written):
                sums = sa.select(own.owner, sa.func.sum(counted)).where(is_gone).group_by(own.owner)
                self._pruned.add(counted.name, sums, tx=inner)
            return self._delete(is_gone, tx=inner)


def _addition(connection: Connection) -> Any:
    """The INSERT that adds to a line that stands already."""
    statement, own = insert(connection, RUN_METERS), RUN_METERS.c
    new = statement.excluded
    # by CASE: the two databases call the larger of two values by different names
    changes: dict[str, Any] = {name: own[name] + new[name] for name in _ADDED}
    changes["started_at"] = sa.case((new.started_at < own.started_at, new.started_at), else_=own.started_at)
    for name in ("ended_at", "peak_memory_bytes"):
        changes[name] = sa.case((new[name] > own[name], new[name]), else_=own[name])
    for name in ("owner", "cost_centre", "tags"):
        changes[name] = new[name]
    return statement.on_conflict_do_update(index_elements=_KEY, set_=changes)
