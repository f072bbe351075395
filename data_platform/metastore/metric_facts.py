"""What a scrape asks of the ledger: few columns, whole tables at once. What is exposed is in `observability`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from data_platform.metastore.database import Database
from data_platform.metastore.lineage_sinks import SinkEntry
from data_platform.metastore.operations_tables import (
    INCIDENTS,
    OBJECTIVES,
    RUN_METERS,
    SECURITY_EVENTS,
    SLI_VALUES,
    STORAGE_METERS,
    SYMPTOMS,
)
from data_platform.metastore.repository import Repository
from data_platform.metastore.tables import BATCHES, CHECKS, HEARTBEATS, LINEAGE_SINKS, OUTBOX, RUNS, RunState


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


class MetricFacts:
    """Reads without a table of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sinks = Repository(database, LINEAGE_SINKS, SinkEntry)

    def batches(self, *, recorded_from: datetime) -> Iterator[LandedBatch]:
        """Batches recorded at a moment or later, in that order."""
        columns = [BATCHES.c[name] for name in LandedBatch._fields]
        chosen = sa.select(*columns).where(BATCHES.c.recorded_at >= recorded_from)
        return map(LandedBatch._make, self._rows(chosen.order_by(BATCHES.c.recorded_at)))

    def ended_runs(self, *, ended_from: datetime) -> Iterator[EndedRun]:
        """Runs that ended at a moment or later, in that order."""
        columns = [RUNS.c[name] for name in EndedRun._fields]
        ended = sa.select(*columns).where(RUNS.c.ended_at >= ended_from)
        return map(EndedRun._make, self._rows(ended.order_by(RUNS.c.ended_at)))

    def running(self) -> Mapping[str, int]:
        """Runs that have not ended, by dataset."""
        statement = sa.select(RUNS.c.dataset, sa.func.count()).where(RUNS.c.state == RunState.RUNNING)
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

    def values(self, *, since: datetime) -> Sequence[Any]:
        """Indicator, subject, partition and value of what was measured since a moment, the oldest first."""
        names = ("sli", "subject", "partition", "value", "measured_at")
        chosen = sa.select(*(SLI_VALUES.c[name] for name in names)).where(SLI_VALUES.c.measured_at > since)
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

    def security_events(self) -> Sequence[Any]:
        """How many security events there are by kind."""
        return self._rows(sa.select(SECURITY_EVENTS.c.kind, sa.func.count()).group_by(SECURITY_EVENTS.c.kind))

    def sinks(self) -> tuple[SinkEntry, ...]:
        """Every lineage sink that was ever registered."""
        return self._sinks._select(sa.select(LINEAGE_SINKS).order_by(LINEAGE_SINKS.c.sink), tx=None)

    def run_meters(self) -> Sequence[Any]:
        """CPU seconds and bytes written of every metered run, by owner."""
        written = sa.cast(sa.func.sum(RUN_METERS.c.bytes_written), sa.BigInteger)
        statement = sa.select(RUN_METERS.c.owner, sa.func.sum(RUN_METERS.c.cpu_seconds), written)
        return self._rows(statement.group_by(RUN_METERS.c.owner).order_by(RUN_METERS.c.owner))

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
