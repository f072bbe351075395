"""Which partitions no longer say what their inputs, contract, query and decisions say. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from data_platform.contracts.days import DayRange
from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Layer
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.metastore.engine import Metastore
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.tables import PartitionState
from data_platform.publication.heads import Heads
from data_platform.transforms.recipe import fingerprint, is_by_day, query_of

_NEVER: dict[str, Any] = {"inputs": {}, "fingerprint": "", "decisions_version": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """What of a dataset has to be computed again; nothing when both are empty.

    Attributes:
        whole: the dataset is computed as a whole, and has to be.
        days: stale partitions of a dataset that is computed by partition, as contiguous ranges.
    """

    whole: bool = False
    days: tuple[DayRange, ...] = ()

    def __bool__(self) -> bool:
        return self.whole or bool(self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """Answers by comparing the ledger with the tables' heads."""

    project: Project
    lake: Lake
    metastore: Metastore
    _published_by: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def of(self, name: DatasetName) -> Stale:
        """What of a curated or served dataset is stale."""
        dataset = self.project.dataset(name)
        if is_by_day(dataset):
            return Stale(days=tuple(DayRange.blocks(self._stale_days(dataset))))
        return Stale(whole=self._is_stale(dataset))

    def days(self, name: DatasetName) -> tuple[DayRange, ...]:
        """Every day of which the inputs of a curated or served dataset hold something, as contiguous ranges."""
        return tuple(DayRange.blocks(self._days_of_inputs(self.project.dataset(name))))

    def _is_stale(self, dataset: Dataset) -> bool:
        lines = self.metastore.partitions.latest(str(dataset.name))
        head = self.metastore.runs.latest(str(dataset.name))
        if head is None or head.output_version is None or any(e.state is PartitionState.BLOCKED for e in lines):
            return True
        published = self._published(dataset.name, head.output_version)
        return (
            published["fingerprint"] != fingerprint(self.project, dataset)
            or published["decisions_version"] != self._decisions(dataset.name)
            or dict(published["inputs"]) != {str(name): self._version(name) for name in query_of(dataset).inputs}
        )

    def _stale_days(self, dataset: Dataset) -> Iterator[date]:
        lines = {entry.partition: entry for entry in self.metastore.partitions.latest(str(dataset.name))}
        wanted = fingerprint(self.project, dataset)
        changed: dict[int, frozenset[date]] = {}  # by the version that published a day: few versions, many days
        for day in sorted(self._days_of_inputs(dataset)):
            line = lines.get(day.isoformat())
            if line is None or line.state is PartitionState.BLOCKED:
                yield day
                continue
            version = line.table_version
            if version not in changed:
                changed[version] = self._changed_since(dataset, self._published(dataset.name, version))
            if self._published(dataset.name, version)["fingerprint"] != wanted or day in changed[version]:
                yield day

    def _changed_since(self, dataset: Dataset, published: dict[str, Any]) -> frozenset[date]:
        """The days for which an input or a decision is newer than what was published."""
        days = set(self._decided_since(dataset.name, published["decisions_version"]))
        for name in query_of(dataset).inputs:
            consumed = published["inputs"].get(str(name), -1)
            if name.layer is Layer.RAW:
                days.update(self.metastore.event_dates.touched_after(str(name), version=consumed))
            elif is_by_day(self.project.dataset(name)):
                entries = self.metastore.partitions.latest(str(name))
                days.update(_days(entry for entry in entries if entry.table_version > consumed))
            elif self._version(name) > consumed:
                days |= self._days_of_inputs(dataset)
        return frozenset(days)

    def _decided_since(self, name: DatasetName, version: int) -> Iterator[date]:
        """The event dates that later decisions may be about, by the bounds of the files that hold them."""
        table = self.lake.table(TableRef.of(name, Zone.DECISIONS))
        newest = self._heads.newest(table)
        if newest <= version:
            return
        known = {file.path for file in table.snapshot(version).files} if version >= 0 else set()
        for file in table.snapshot(newest).files:
            if file.path not in known:
                low, high = file.stats.minimum["event_date"], file.stats.maximum["event_date"]
                if isinstance(low, date) and isinstance(high, date):
                    yield from DayRange.of(low, high)

    def _days_of_inputs(self, dataset: Dataset) -> set[date]:
        days: set[date] = set()
        for name in query_of(dataset).inputs:
            if name.layer is Layer.RAW:
                days |= {entry.event_date for entry in self.metastore.event_dates.by_date(str(name)) if entry.rows}
            else:
                days |= set(_days(self.metastore.partitions.latest(str(name))))
        return days

    def _published(self, name: DatasetName, version: int) -> dict[str, Any]:
        key = (str(name), version)
        if key not in self._published_by:
            commit = self.metastore.commits.get(f"{name.layer}/{name.domain}/{name.name}", version=version)
            self._published_by[key] = {**_NEVER, **(commit.metadata if commit else {})}
        return self._published_by[key]

    def _decisions(self, name: DatasetName) -> int:
        return self._heads.newest(self.lake.table(TableRef.of(name, Zone.DECISIONS)))

    def _version(self, name: DatasetName) -> int:
        return self._heads.newest(self.lake.table(TableRef.of(name)))

    @property
    def _heads(self) -> Heads:
        return Heads(metastore=self.metastore)


def _days(lines: Iterable[PartitionEntry]) -> Iterator[date]:
    return (date.fromisoformat(entry.partition) for entry in lines if entry.partition != WHOLE_TABLE)
