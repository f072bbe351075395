"""Which version of a table may be read, and which may be built on: heads held against the ledger of commits."""

from __future__ import annotations

from dataclasses import dataclass

from data_platform.errors import DamagedTable
from data_platform.lakehouse.durability import (
    Acknowledged,
    HeadKind,
    damaged_files,
    named_snapshot,
    readable_snapshot,
    verified_head,
    writable_snapshot,
)
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

    def newest(self, table: Table) -> int:
        """The version that `for_reading` opens; -1 where there is none. Of a known head no file is looked at."""
        head, acknowledged = table.version(), self._acknowledged(table)
        if head < 0 or acknowledged(head) is not None:
            return head
        return verified_head(table, acknowledged).version

    def is_foreign(self, table: Table) -> bool:
        """Whether the head was written outside the platform, and nobody accepted it."""
        return verified_head(table, self._acknowledged(table)).kind is HeadKind.FOREIGN

    def for_writing(self, table: Table) -> Snapshot:
        """The head, decoded whole where it is unacknowledged; a torn unacknowledged head is set aside first.

        Raises:
            DamagedTable: an acknowledged head is torn, or others wrote it; the message names the recovery command.
        """
        return writable_snapshot(table, self._acknowledged(table))

    def side_for_writing(self, side: Table, main: Snapshot) -> Snapshot:
        """The side table's head, after restoring the version that `main` names: a publish that died between the two
        commits leaves side rows that no main version ever named.

        Raises:
            DamagedTable: the version to restore is torn, or has lost a file.
        """
        head = self.for_writing(side)
        named = main.transaction(side_transaction(side.ref))
        if head.version <= 0 or named == head.version:
            return head
        wanted = named_snapshot(side, named if named is not None else 0, self._acknowledged(side))
        return _restored(side, head, wanted)

    def side_for_reading(self, side: Table, main: Snapshot) -> Snapshot:
        """The side table at the version that `main` names.

        Raises:
            DamagedTable: that version is torn.
        """
        named = main.transaction(side_transaction(side.ref))
        return named_snapshot(side, named if named is not None else min(0, side.version()), self._acknowledged(side))

    def _acknowledged(self, table: Table) -> Acknowledged:
        path = table.ref.path.removeprefix("tables/")
        return lambda version: self.metastore.commits.digest(path, version=version)


def _restored(side: Table, head: Snapshot, wanted: Snapshot) -> Snapshot:
    present, named = {f.path for f in head.files}, {f.path for f in wanted.files}
    if present == named:
        return head
    # What is taken back was not part of the head, so nobody has looked at it since it was removed.
    if lost := damaged_files(side, wanted, but=present):
        raise DamagedTable(
            f"{side.ref}: version {wanted.version} cannot be restored, {'; '.join(lost[:3])}; "
            f"run `data-platform recover {side.ref}`"
        )
    back = [StagedFile(f.path, f.size_bytes, f.rows, f.stats) for f in wanted.files if f.path not in present]
    side.commit(head, adds=back, removes=[f for f in head.files if f.path not in named])
    return side.snapshot()
