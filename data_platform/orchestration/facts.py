"""The facts of a plan, read from ledger and tables as they stand. Deciding what to run is in `planning`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName, Layer
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.tables import RunState
from data_platform.orchestration.location import Location
from data_platform.orchestration.planning import Block
from data_platform.transforms.recipe import fingerprint
from data_platform.transforms.staleness import Stale, Staleness

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform


@dataclass(frozen=True)
class LedgerFacts:
    """Facts at one moment; each is read once."""

    location: Location
    platform: Platform
    _stale: dict[DatasetName, Stale] = field(default_factory=dict)
    _versions: dict[DatasetName, int] = field(default_factory=dict)

    @property
    def order(self) -> tuple[DatasetName, ...]:
        """Curated and served datasets, each after its dependencies."""
        return tuple(name for name in self.location.order if name.layer is not Layer.RAW)

    def inputs(self, name: DatasetName) -> tuple[DatasetName, ...]:
        """The curated and served datasets that a dataset reads."""
        return tuple(i for i in self.location.graph.inputs[name] if i.layer is not Layer.RAW)

    def is_by_day(self, name: DatasetName) -> bool:
        """Whether the dataset is made by partition."""
        return self.location.is_by_day(name)

    def stale_days(self, name: DatasetName) -> Collection[date]:
        """Its stale partitions; days that are no partition yet (tomorrow) wait."""
        return self._until_today(self._of(name).days)

    def is_stale(self, name: DatasetName) -> bool:
        """Whether a dataset that is made as a whole is stale."""
        return self._of(name).whole

    def known_days(self, name: DatasetName) -> Collection[date]:
        """Every day that its inputs hold."""
        return self._until_today(self._staleness.days(name))

    def run_key(self, block: Block) -> str:
        """The same for the same work: the same datasets, days, input versions and code.

        A blocked run is asked for again when something of that changed, or the next day; one that failed for another
        reason, the next hour. So nothing repeats every tick, and nothing is forgotten for ever.
        """
        now = self.platform.clock.now()
        lines = [str(block.days)]
        for name in block.datasets:
            dataset = self.location.project.dataset(name)
            versions = [f"{i}@{self._version(i)}" for i in self.location.graph.inputs[name]]
            decisions = self.platform.lake.table(TableRef.of(name, Zone.DECISIONS)).version()
            code = fingerprint(self.location.project, dataset, inputs=self.location.graph.inputs[name])
            lines.append(f"{name} {code} {decisions} {' '.join(versions)}")
        return f"{hashlib.sha256('|'.join(lines).encode()).hexdigest()[:16]}/{self._period(block, now)}"

    def _period(self, block: Block, now: datetime) -> str:
        last = (self.platform.metastore.runs.latest(str(name)) for name in block.datasets)
        failed = any(run is not None and run.state is RunState.FAILED for run in last)
        return now.strftime("%Y-%m-%dT%H" if failed else "%Y-%m-%d")

    def _of(self, name: DatasetName) -> Stale:
        if name not in self._stale:
            self._stale[name] = self._staleness.of(name)
        return self._stale[name]

    @property
    def _staleness(self) -> Staleness:
        return self.platform.staleness

    def _version(self, name: DatasetName) -> int:
        if name not in self._versions:
            self._versions[name] = self.platform.lake.table(TableRef.of(name)).version()
        return self._versions[name]

    def _until_today(self, ranges: Collection[DayRange]) -> set[date]:
        today = self.platform.clock.now().date()
        return {day for days in ranges for day in days if day <= today}
