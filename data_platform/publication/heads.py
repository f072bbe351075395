"""Which version of a table may be read, and which may be built on: heads held against the ledger of commits."""

from __future__ import annotations

from dataclasses import dataclass

from data_platform.lakehouse.durability import Acknowledged, readable_snapshot, writable_snapshot
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.tables import StagedFile, Table
from data_platform.metastore.engine import Metastore
from data_platform.publication.publish import side_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Opens heads; a torn one is never read, and never built on."""

    metastore: Metastore

    def for_reading(self, table: Table) -> Snapshot:
        """The newest whole version; the one before, with a warning, where the head is torn."""
        return readable_snapshot(table, self._acknowledged(table))

    def for_writing(self, table: Table) -> Snapshot:
        """The head, decoded whole where it is unacknowledged; a torn unacknowledged head is set aside first.

        Raises:
            DamagedTable: an acknowledged head is torn; the message names the recovery command.
        """
        return writable_snapshot(table, self._acknowledged(table))

    def side_for_writing(self, side: Table, main: Snapshot) -> Snapshot:
        """The side table's head, after restoring the version that `main` names: a publish that died between the two
        commits leaves side rows that no main version ever named.
        """
        head = self.for_writing(side)
        named = main.transaction(side_transaction(side.ref))
        if head.version <= 0 or named == head.version:
            return head
        wanted = side.snapshot(named if named is not None else 0)
        return _restored(side, head, wanted)

    def side_for_reading(self, side: Table, main: Snapshot) -> Snapshot:
        """The side table at the version that `main` names."""
        named = main.transaction(side_transaction(side.ref))
        return side.snapshot(named if named is not None else min(0, side.version()))

    def _acknowledged(self, table: Table) -> Acknowledged:
        path = table.ref.path.removeprefix("tables/")
        return lambda version: self.metastore.commits.digest(path, version=version)


def _restored(side: Table, head: Snapshot, wanted: Snapshot) -> Snapshot:
    present, named = {f.path for f in head.files}, {f.path for f in wanted.files}
    if present == named:
        return head
    back = [StagedFile(f.path, f.size_bytes, f.rows, f.stats) for f in wanted.files if f.path not in present]
    side.commit(head, adds=back, removes=[f for f in head.files if f.path not in named])
    return side.snapshot()
