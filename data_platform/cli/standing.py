"""Where every dataset stands: rows, newest verdicts, ledger residual, how far it is complete. Facts only, no data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta

from data_platform.contracts.days import end_of
from data_platform.contracts.model import DatasetName, Layer, Severity
from data_platform.lakehouse.table_ref import TableRef
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.tables import PartitionState
from data_platform.quality.verdicts import Verdict
from data_platform.wiring.platform import Platform

_ONE_DAY = timedelta(days=1)
_FINE = (Verdict.PASSED, Verdict.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One dataset as it stands.

    Attributes:
        version: of the published table; -1 where nothing was published.
        passed, warned, failed: the newest verdict of each rule; `warned` did not block, `failed` did or would.
        residual: rows of the ledger without a fate or with two; 0 when it closes.
        pending: rows that a blocked publish keeps back.
        complete_to: the last day up to which nothing more is expected; None where it cannot be told.
        lag_seconds: from the end of that day until now.
        seconds: of the last run.
    """

    dataset: str
    version: int
    rows: int
    passed: int = 0
    warned: int = 0
    failed: int = 0
    residual: int = 0
    pending: int = 0
    complete_to: date | None = None
    lag_seconds: float | None = None
    seconds: float | None = None

    @property
    def is_sound(self) -> bool:
        """Whether something was published, nothing is pending and the ledger closes."""
        return self.version >= 0 and self.residual == 0 and self.pending == 0


@dataclass(slots=True)
class Standings:
    """Looks datasets up; remembers what others are derived from."""

    platform: Platform
    _complete: dict[DatasetName, date | None] = field(default_factory=dict)

    def of(self, name: DatasetName) -> Standing:
        """One dataset."""
        platform = self.platform
        snapshot = platform.heads.for_reading(platform.lake.table(TableRef.of(name)))
        verdicts = Counter(_word(check) for check in platform.metastore.checks.latest(str(name)))
        run = platform.metastore.runs.latest(str(name))
        complete_to = self.complete_to(name)
        return Standing(
            dataset=str(name),
            version=snapshot.version,
            rows=snapshot.rows,
            passed=verdicts["passed"],
            warned=verdicts["warned"],
            failed=verdicts["failed"],
            residual=self._residual(name),
            pending=sum(line.pending for line in platform.metastore.partitions.latest(str(name))),
            complete_to=complete_to,
            seconds=run.seconds if run else None,
            lag_seconds=(platform.clock.now() - end_of(complete_to)).total_seconds() if complete_to else None,
        )

    def all(self) -> list[Standing]:
        """Every dataset, inputs first."""
        return [self.of(name) for name in self.platform.graph.order]

    def complete_to(self, name: DatasetName) -> date | None:
        """The last complete day: by event time, never by when something ran."""
        if name not in self._complete:
            self._complete[name] = self._raw_to(name) if name.layer is Layer.RAW else self._derived_to(name)
        return self._complete[name]

    def _raw_to(self, name: DatasetName) -> date | None:
        """The last day whose end plus the allowed lateness lies behind the watermark."""
        dates, contract = self.platform.metastore.event_dates, self.platform.project.dataset(name).contract
        if contract.watermark is None:
            return max((entry.event_date for entry in dates.by_date(str(name))), default=None)
        sources = [entry.name for entry in self.platform.project.connectors_of(name)]
        marks = [mark for source in sources if (mark := dates.watermark(str(name), source=source)) is not None]
        if not marks:
            return None
        return (max(marks) - contract.allowed_lateness).astimezone(UTC).date() - _ONE_DAY

    def _derived_to(self, name: DatasetName) -> date | None:
        inputs = [self.complete_to(each) for each in self.platform.graph.inputs[name]]
        lines = self.platform.metastore.partitions.latest(str(name))
        if not lines or not inputs or any(each is None for each in inputs):
            return None
        days = {line.partition: line for line in lines if line.partition != "all"}
        last = min(each for each in inputs if each is not None)
        if days:
            last = min(last, date.fromisoformat(max(days)))
        stuck = [
            date.fromisoformat(day)
            for day, line in days.items()
            if line.state is PartitionState.BLOCKED or line.pending
        ]
        return min([last, *(day - _ONE_DAY for day in stuck)])

    def _residual(self, name: DatasetName) -> int:
        metastore = self.platform.metastore
        batches = sum(abs(batch.residual) for batch in metastore.batches.unbalanced(str(name)))
        return batches + sum(abs(line.residual) for line in metastore.partitions.latest(str(name)))


COLUMNS = ("dataset", "rows", "passed", "warned", "failed", "residual", "complete to", "freshness", "seconds")


def row_of(standing: Standing) -> tuple[object, ...]:
    """The standing as a table's row."""
    return (
        standing.dataset,
        standing.rows if standing.version >= 0 else "missing",
        standing.passed,
        standing.warned,
        standing.failed,
        standing.residual,
        standing.complete_to,
        _lag(standing.lag_seconds),
        None if standing.seconds is None else f"{standing.seconds:.2f}",
    )


def _word(check: CheckEntry) -> str:
    if check.verdict in _FINE:
        return "passed"
    return "failed" if check.severity == Severity.BLOCK else "warned"


def _lag(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    lag = timedelta(seconds=seconds)
    return f"{lag.days} d" if lag.days else f"{lag.seconds // 3600} h"
