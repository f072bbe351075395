"""The inputs of a dataset at the versions that one run reads, and whether they may be built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from data_platform.contracts.days import DayRange
from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import DatasetName, Layer, Materialization
from data_platform.errors import UpstreamBlocked
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.metastore.engine import Metastore
from data_platform.publication.candidate import size_of
from data_platform.publication.heads import Heads
from data_platform.publication.receipt import Size
from data_platform.publication.shape import was_published
from data_platform.transforms.query import Query

_EVENT_DATE = "_event_date"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The inputs at the versions that this run reads."""

    snapshots: Mapping[DatasetName, Snapshot]
    decisions: Snapshot

    @property
    def versions(self) -> dict[str, int]:
        """By dataset."""
        return {str(name): snapshot.version for name, snapshot in self.snapshots.items()}

    @property
    def sizes(self) -> dict[str, Size]:
        """By dataset."""
        return {str(name): size_of(snapshot.files) for name, snapshot in self.snapshots.items()}

    def bytes_to_read(self, days: DayRange | None) -> int:
        """Of the files that a run over `days` has to look at."""
        return sum(
            sum(file.size_bytes for file in snapshot.overlapping(_EVENT_DATE, days.start, days.last))
            if days is not None and _EVENT_DATE in snapshot.schema.names
            else snapshot.size_bytes
            for snapshot in self.snapshots.values()
        )


def pin(dataset: Dataset, query: Query, *, lake: Lake, heads: Heads) -> Pinned:
    """The newest published versions.

    Raises:
        UpstreamBlocked: an input was never published.
    """
    snapshots = {}
    for name in query.inputs:
        snapshots[name] = heads.for_reading(lake.table(TableRef.of(name)))
        if not was_published(snapshots[name]):
            verb = "ingest" if name.layer is Layer.RAW else "materialize"
            raise UpstreamBlocked(f"{dataset.name}: its input {name} has no version yet; {verb} it first")
    decisions = heads.for_reading(lake.table(TableRef.of(dataset.name, Zone.DECISIONS)))
    return Pinned(snapshots, decisions)


def refuse_blocked(dataset: Dataset, query: Query, days: DayRange | None, *, metastore: Metastore) -> None:
    """Lets nothing be built on partitions that a check holds back.

    Raises:
        UpstreamBlocked: an input partition in range is blocked.
    """
    bounded = days is not None and dataset.contract.materialization is Materialization.PARTITION
    low, high = (str(days.start), str(days.last)) if bounded and days else (str(date.min), str(date.max))
    for name in query.inputs:
        stuck = metastore.partitions.blocked_in(str(name), low=low, high=high)
        if stuck:
            which = ", ".join(entry.partition for entry in stuck[:5])
            raise UpstreamBlocked(
                f"{dataset.name}: upstream blocked, {len(stuck)} partitions of {name} are not published ({which}); "
                f"mend them, or run the other partitions alone"
            )
