"""Keeps tables quick to read: many small files become few, and a long log gets a checkpoint. Content never changes.
Of the platform's own datasets, which are published every hour, old versions lose their files.

One owner a table: work is done under the table's lease, and gives way to a writer who was first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract, DatasetName, Layer
from data_platform.costs.metering import Meter
from data_platform.costs.usage import count
from data_platform.errors import CommitConflict
from data_platform.lakehouse.compaction import TARGET_BYTES, compact
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake, Table
from data_platform.lakehouse.vacuum import vacuum
from data_platform.publication.heads import Heads
from data_platform.publication.lease import Leases
from data_platform.publication.publish import new_file_name
from data_platform.publication.recording import Recorder

SMALL_FILES = 100  # a table with more small files than this is compacted
LOG_ENTRIES = 100  # a checkpoint is written when a version is a multiple of this many
OWN_VERSIONS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """What was done to a table.

    Attributes:
        files_before, files_after: active files; equal where nothing was compacted.
        checkpoint: version of the checkpoint that was written; None where none was due.
        vacuumed: files of old versions that were removed.
    """

    ref: TableRef
    files_before: int
    files_after: int
    checkpoint: int | None = None
    vacuumed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Compacts and checkpoints tables.

    Attributes:
        own: gives the platform's own datasets.
    """

    lake: Lake
    engine: Engine
    heads: Heads
    leases: Leases
    recorder: Recorder
    meter: Meter
    own: Callable[[], Project]

    def is_due(self, version: int) -> bool:
        """Whether a table that has come to this version should be looked at; costs nothing."""
        return version > 0 and version % LOG_ENTRIES == 0

    def tend(self, ref: TableRef, *, small_files: int = SMALL_FILES) -> Tended:
        """Compacts a table of raw or of an own dataset with more than `small_files` small files; writes a checkpoint of
        any table; removes what only versions of an own dataset name that were replaced more than a week ago.

        Only these grow all the time: a publish rewrites the files that it touches anyway, and a side table must stay at
        the version that a publish named. A writer who commits meanwhile wins; the next call tries again. What
        others wrote is left alone: scans of the catalog tell of it.
        """
        table = self.lake.table(ref)
        with self.meter.work("upkeep"), self.leases.hold(ref.path):
            if self.heads.is_foreign(table):
                return Tended(ref=ref, files_before=0, files_after=0)
            base = self.heads.for_writing(table)
            if base.version < 0:
                return Tended(ref=ref, files_before=0, files_after=0)
            files = len(base.files)
            own = self._own(ref)
            if (ref.zone is Zone.RAW or own is not None) and _small(base) > small_files:
                self._compact(table, base, month=own.partition_column if own is not None else None)
            table.checkpoint()
            head = self.heads.for_reading(table)
            _count_rewritten(base, head)
            gone = self._vacuum(table, head) if own is not None else ()
        return Tended(
            ref=ref, files_before=files, files_after=len(head.files), checkpoint=head.version, vacuumed=len(gone)
        )

    def _vacuum(self, table: Table, head: Snapshot) -> tuple[str, ...]:
        moment = self.recorder.clock.now() - OWN_VERSIONS_KEPT
        oldest = self.recorder.metastore.commits.newest_at(table.ref.path.removeprefix("tables/"), moment)
        return vacuum(table, head, oldest=oldest) if oldest is not None else ()

    def _own(self, ref: TableRef) -> Contract | None:
        """The contract of an own dataset's table."""
        if ref.zone is not Zone.SERVED:
            return None
        dataset = self.own().datasets.get(DatasetName(Layer.SERVED, ref.domain, ref.name))
        return dataset.contract if dataset is not None else None

    def _compact(self, table: Table, base: Snapshot, *, month: str | None) -> None:
        month = "_event_date" if "_event_date" in base.schema.names else month
        with self.engine.session() as con:
            try:
                commit = compact(con, table, base, name=new_file_name, month_column=month)
            except CommitConflict:
                return
        if commit is not None:
            self.recorder.acknowledge(commit)


def _count_rewritten(base: Snapshot, head: Snapshot) -> None:
    before, after = ({file.path: file.size_bytes for file in one.files} for one in (base, head))
    count(
        read=sum(size for path, size in before.items() if path not in after),
        written=sum(size for path, size in after.items() if path not in before),
    )


def _small(base: Snapshot) -> int:
    return sum(1 for file in base.files if file.size_bytes < TARGET_BYTES)
