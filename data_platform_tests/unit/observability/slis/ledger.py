"""A ledger written by hand: runs, partitions, batches and beats as the platform would have recorded them.

Nothing here computes an expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import (
    Column,
    Contract,
    DatasetName,
    Layer,
    Materialization,
    Owner,
    ServiceLevel,
)
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.event_dates import EventDateEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import PartitionState, RunState
from data_platform.observability.slis.measure import Slis
from data_platform.observability.standings import ConnectorStanding

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
RAW, CURATED, SERVED = "raw.shop.orders", "curated.shop.orders", "served.shop.daily"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(seconds=15)


def contract(
    name: str,
    *,
    every: timedelta | None = None,
    latency: timedelta | None = None,
    by_day: bool = False,
    event_time: bool = True,
    sha256: str = "a" * 64,
) -> Contract:
    """A contract with two columns; `by_day` partitions it."""
    of = DatasetName.parse(name)
    how = {Layer.RAW: Materialization.INGEST, Layer.CURATED: Materialization.ADMIT, Layer.SERVED: Materialization.TABLE}
    return Contract(
        name=of,
        version="1.0.0",
        status="active",
        path=f"{name}.yaml",
        sha256=sha256,
        owner=Owner(team="Shop"),
        columns=(
            Column(name="at", type=ColumnType(kind=TypeKind.TIMESTAMP)),
            Column(name="day", type=ColumnType(kind=TypeKind.DATE), partition_position=1 if by_day else None),
        ),
        materialization=how[of.layer],
        watermark="at" if of.layer is Layer.RAW and event_time else None,
        service_level=ServiceLevel(latency=latency, frequency=every),
    )


@dataclass
class Ledger:
    """One project's facts, and the measurements of them."""

    metastore: Metastore
    contracts: list[Contract]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {CURATED: (RAW,), SERVED: (CURATED,)})
    standings: tuple[ConnectorStanding, ...] = ()
    runs: int = 0
    unread: frozenset[DatasetName] = frozenset()  # their contracts have faults: they are left out of the project

    @property
    def project(self) -> Project:
        sound = {one.name: Dataset(one) for one in self.contracts if one.name not in self.unread}
        return Project((), MappingProxyType(sound), self.unread)

    def measure(self, at: datetime) -> tuple[SliValueEntry, ...]:
        slis = Slis(
            metastore=self.metastore,
            project=self.project,
            upstream=lambda: self.reads,
            standings=lambda _: self.standings,
        )
        return slis.measure(at)

    def watch(self, start: datetime, until: datetime, *, every: timedelta = TICK) -> list[SliValueEntry]:
        """Measures from `start` on, step by step, and at `until`."""
        found: list[SliValueEntry] = []
        while start < until:
            found += self.measure(start)
            start += every
        return [*found, *self.measure(until)]

    def run(
        self,
        dataset: str,
        ended: datetime,
        *,
        state: RunState = RunState.SUCCEEDED,
        version: int | None = None,
        inputs: Mapping[str, int] | None = None,
        lines: Mapping[str, PartitionState] | None = None,
        days: tuple[str, str] | None = None,
        counts: Mapping[str, int] | None = None,
        took: timedelta = timedelta(minutes=1),
    ) -> str:
        """A run that ended; `lines` are its partitions, and `counts` the fates of each."""
        self.runs += 1
        run_id = f"run-{self.runs}"
        is_over = state is not RunState.RUNNING
        run = RunEntry(
            run_id=run_id,
            dataset=dataset,
            started_at=ended - took,
            ended_at=ended if is_over else None,
            state=state,
            inputs=dict(inputs or {}),
            contract_version="1.0.0",
            range_from=days[0] if days else None,
            range_to=days[1] if days else None,
            output_version=version,
        )
        self.metastore.runs.record([run])
        raw = next((name for name in run.inputs if name.startswith("raw.")), "")
        self.metastore.partitions.record(
            PartitionEntry(
                dataset=dataset,
                partition=partition,
                raw_dataset=raw,
                raw_version=run.inputs.get(raw, -1),
                table_version=-1 if version is None else version,
                run_id=run_id,
                state=outcome,
                recorded_at=ended,
                **{"raw_rows": 0, **(counts or {})},
            )
            for partition, outcome in (lines or {}).items()
        )
        return run_id

    def batch(
        self,
        number: int,
        *,
        received: datetime,
        recorded: datetime | None = None,
        newest: datetime | None = None,
        rows: int = 10,
        rejected: int = 0,
        source: str = "files",
        day: date | None = None,
        dataset: str = RAW,
    ) -> None:
        """A batch of raw, which is version `number`, with the run that committed it."""
        recorded = recorded or received
        self.run(dataset, recorded, version=number, took=timedelta(0))
        batch = BatchEntry(
            dataset=dataset,
            source=source,
            number=number,
            batch_id=f"{source}/{number}",
            manifest_sha256="",
            received_at=received,
            contract_version="1.0.0",
            source_rows=rows + rejected,
            raw_rows=rows,
            rejected_rows=rejected,
            raw_version=number,
            rejected_version=number,
            recorded_at=recorded,
        )
        self.metastore.batches.record(batch)
        event_day = day or (newest or received).date()
        self.metastore.event_dates.record(
            [
                EventDateEntry(
                    dataset=dataset,
                    batch_id=batch.batch_id,
                    event_date=event_day,
                    rows=rows,
                    newest_event_time=newest,
                    version=number,
                )
            ]
        )
        self.metastore.deliveries.advance(dataset, source=source, number=number)
        if newest is not None:
            self.metastore.event_dates.advance_watermark(dataset, source=source, watermark=newest)


def of(values: Iterable[SliValueEntry], sli: str, subject: str | None = None) -> list[SliValueEntry]:
    """The values of one indicator, and of one subject."""
    return [one for one in values if one.sli == sli and subject in (None, one.subject)]


def sums(values: Iterable[SliValueEntry]) -> tuple[float, float, float]:
    """Good, bad and unknown, added up."""
    its = list(values)
    return sum(v.good for v in its), sum(v.bad for v in its), sum(v.unknown for v in its)


def changed(ledger: Ledger, name: str, **changes: object) -> None:
    """Puts another contract in force."""
    ledger.contracts = [replace(c, **changes) if str(c.name) == name else c for c in ledger.contracts]  # type: ignore[arg-type]
