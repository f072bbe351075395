"""What a scrape asks of the ledger: few columns, whole tables at once. What is exposed is in `observability`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from data_platform.metastore.database import Database
from data_platform.metastore.incident_tables import INCIDENTS, SECURITY_EVENTS, SYMPTOMS
from data_platform.metastore.lineage_sinks import SinkEntry
from data_platform.metastore.objective_tables import OBJECTIVES, SLI_VALUES
from data_platform.metastore.repository import Repository
from data_platform.metastore.tables import (
    BATCHES,
    CHECKS,
    HEARTBEATS,
    LINEAGE_SINKS,
    OUTBOX,
    REJECTIONS,
    RUNS,
    RunState,
)
from data_platform.metastore.usage_tables import PRUNED_COUNTS, RUN_METERS, STORAGE_METERS


class LandedBatch(NamedTuple):
    """A batch, as far as its times and its rows are concerned."""

    dataset: str
    source: str
    number: int
    received_at: datetime
    recorded_at: datetime
    source_rows: int
    raw_rows: int
    rejected_rows: int
    raw_version: int
    traceparent: str


class EndedRun(NamedTuple):
    """A run that ended, as far as its time and its inputs are concerned."""

    run_id: str
    dataset: str
    ended_at: datetime
    state: RunState
    seconds: float | None
    inputs: Mapping[str, int]
    traceparent: str


class Used(NamedTuple):
    """CPU seconds and bytes written by owner, of lines that are there and of those that are pruned."""

    there: dict[str, tuple[float, int]]
    pruned: dict[str, tuple[float, int]]


class MetricFacts:
    """Reads without a table of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sinks = Repository(database, LINEAGE_SINKS, SinkEntry)

    def batches(self, *, recorded_from: datetime, dataset: str | None = None) -> Iterator[LandedBatch]:
        """Batches recorded at a moment or later, in that order; of one dataset or of all."""
        columns = [BATCHES.c[name] for name in LandedBatch._fields]
        chosen = sa.select(*columns).where(BATCHES.c.recorded_at >= recorded_from)
        if dataset is not None:
            chosen = chosen.where(BATCHES.c.dataset == dataset)
        return map(LandedBatch._make, self._rows(chosen.order_by(BATCHES.c.recorded_at)))

    def rejections(self, *, recorded_from: datetime) -> Sequence[Any]:
        """Dataset, source, number, reason and items of what batches recorded at a moment or later rejected."""
        of_batch = (REJECTIONS.c.dataset == BATCHES.c.dataset) & (REJECTIONS.c.batch_id == BATCHES.c.batch_id)
        columns = (BATCHES.c.dataset, BATCHES.c.source, BATCHES.c.number, REJECTIONS.c.reason, REJECTIONS.c.rows)
        joined = sa.select(*columns).select_from(BATCHES.join(REJECTIONS, of_batch))
        return self._rows(joined.where(BATCHES.c.recorded_at >= recorded_from))

    def ended_runs(self, *, ended_from: datetime, dataset: str | None = None) -> Iterator[EndedRun]:
        """Runs that ended at a moment or later, in that order; over one dataset or over all."""
        columns = [RUNS.c[name] for name in EndedRun._fields]
        ended = sa.select(*columns).where(RUNS.c.ended_at >= ended_from)
        if dataset is not None:
            ended = ended.where(RUNS.c.dataset == dataset)
        return map(EndedRun._make, self._rows(ended.order_by(RUNS.c.ended_at)))

    def running(self) -> Mapping[str, int]:
        """Runs that have not ended, by dataset."""
        # by the end, which has an index, unlike the state
        goes_on = (RUNS.c.ended_at.is_(None), RUNS.c.state == RunState.RUNNING)
        statement = sa.select(RUNS.c.dataset, sa.func.count()).where(*goes_on)
        return {row[0]: row[1] for row in self._rows(statement.group_by(RUNS.c.dataset))}

    def objectives(self) -> Sequence[Any]:
        """Of every objective its id and numbers, without what only people read; burn rates as JSON text."""
        names = ("objective", "sli", "domain", "owner", "is_critical", "target", "state", "budget_left", "good_total",
                 "bad_total", "unknown_total")  # fmt: skip
        burn = sa.type_coerce(OBJECTIVES.c.burn, sa.Text)
        return self._rows(sa.select(*(OBJECTIVES.c[name] for name in names), burn).order_by(OBJECTIVES.c.objective))

    def objectives_at(self) -> tuple[int, datetime | None]:
        """How many objectives there are, and when one was evaluated last."""
        newest = sa.func.max(OBJECTIVES.c.evaluated_at, type_=OBJECTIVES.c.evaluated_at.type)
        count, at = self._rows(sa.select(sa.func.count(), newest))[0]
        return count, at

    def values(self, slis: Collection[str], *, since: datetime) -> Sequence[Any]:
        """Indicator, subject, partition, value and time of what was measured since a moment, the oldest first."""
        names = ("sli", "subject", "partition", "value", "measured_at")
        chosen = sa.select(*(SLI_VALUES.c[name] for name in names))
        chosen = chosen.where(SLI_VALUES.c.sli.in_(tuple(slis)), SLI_VALUES.c.measured_at > since)
        return self._rows(chosen.order_by(SLI_VALUES.c.measured_at))

    def checks(self, *, since: datetime) -> Sequence[Any]:
        """Dataset, rule, verdict and time of checks recorded after a moment, the oldest first."""
        columns = (CHECKS.c.dataset, CHECKS.c.rule, CHECKS.c.verdict, CHECKS.c.recorded_at)
        return self._rows(sa.select(*columns).where(CHECKS.c.recorded_at > since).order_by(CHECKS.c.recorded_at))

    def heartbeats(self) -> Sequence[Any]:
        """Dataset, source and the numbers of every connector's newest beat."""
        names = ("dataset", "source", "beat_at", "progressed_at", "backlog", "credential_age_seconds")
        return self._rows(sa.select(*(HEARTBEATS.c[name] for name in names)))

    def incidents(self) -> Sequence[Any]:
        """How many incidents there are by severity and state."""
        by = (INCIDENTS.c.severity, INCIDENTS.c.state)
        return self._rows(sa.select(*by, sa.func.count()).group_by(*by))

    def symptoms(self) -> Sequence[Any]:
        """How many symptoms that have not cleared there are by alert and severity."""
        by = (SYMPTOMS.c.alert, SYMPTOMS.c.severity)
        return self._rows(sa.select(*by, sa.func.count()).where(SYMPTOMS.c.cleared_at.is_(None)).group_by(*by))

    def security_events(self) -> Mapping[str, int]:
        """How many security events there were by kind, also those that are pruned."""
        kind = SECURITY_EVENTS.c.kind
        there = sa.select(kind, sa.cast(sa.func.count(), sa.Double)).group_by(kind)
        pruned = sa.select(PRUNED_COUNTS.c.label, PRUNED_COUNTS.c.value)
        gone = pruned.where(PRUNED_COUNTS.c.name == SECURITY_EVENTS.name)
        found: dict[str, int] = {}
        # one statement, so that nothing is pruned between the two parts
        for name, count in self._rows(sa.union_all(there, gone)):
            found[name] = found.get(name, 0) + int(count)
        return found

    def sinks(self) -> tuple[SinkEntry, ...]:
        """Every lineage sink that was ever registered."""
        return self._sinks._select(sa.select(LINEAGE_SINKS).order_by(LINEAGE_SINKS.c.sink), tx=None)

    def used(self, *, since: date | None = None, before: date | None = None) -> Used:
        """What runs used from a day on, and before another; and beside it what was pruned, on whatever day."""
        own, pruned, nothing = RUN_METERS.c, PRUNED_COUNTS.c, sa.literal(0.0)
        sums = (sa.cast(sa.func.sum(one), sa.Double) for one in (own.cpu_seconds, own.bytes_written))
        there = sa.select(own.owner, *sums, sa.literal(False))
        if since is not None:
            there = there.where(own.metered_on >= since)
        if before is not None:
            there = there.where(own.metered_on < before)
        is_gone = sa.literal(True)
        cpu = sa.select(pruned.label, pruned.value, nothing, is_gone).where(pruned.name == own.cpu_seconds.name)
        size = sa.select(pruned.label, nothing, pruned.value, is_gone).where(pruned.name == own.bytes_written.name)
        found = Used({}, {})
        # one statement, so that nothing is pruned between its parts
        for owner, seconds, written, pruned_too in self._rows(sa.union_all(there.group_by(own.owner), cpu, size)):
            held = found.pruned if pruned_too else found.there
            before_it = held.get(owner, (0.0, 0))
            held[owner] = (before_it[0] + seconds, before_it[1] + int(written))
        return found

    def stored(self) -> Sequence[Any]:
        """Bytes of all tables on the newest day that was metered, by owner."""
        newest = sa.select(sa.func.max(STORAGE_METERS.c.metered_on)).scalar_subquery()
        size = sa.cast(sa.func.sum(STORAGE_METERS.c.size_bytes), sa.BigInteger)
        statement = sa.select(STORAGE_METERS.c.owner, size).where(STORAGE_METERS.c.metered_on == newest)
        return self._rows(statement.group_by(STORAGE_METERS.c.owner).order_by(STORAGE_METERS.c.owner))

    def unsent(self, *, after: int) -> tuple[int, datetime | None]:
        """How many events of the outbox a sink has before it, and since when the oldest waits."""
        oldest = sa.func.min(OUTBOX.c.created_at, type_=OUTBOX.c.created_at.type)
        count, at = self._rows(sa.select(sa.func.count(), oldest).where(OUTBOX.c.id > after))[0]
        return count, at

    def _rows(self, statement: sa.Executable) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.execute(statement).all()
