"""Derives records again from what cannot be lost: ledger, runs, checks and lineage from the receipts of commits,
deliveries from manifests. Everything here is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_platform.lakehouse.delta_log import LoggedCommit
from data_platform.lakehouse.landing import Manifest
from data_platform.lakehouse.table_ref import TableRef
from data_platform.lakehouse.tables import Commit, Lake, Table
from data_platform.metastore.deliveries import DeliveryEntry
from data_platform.publication.receipt import Receipt
from data_platform.publication.recording import Recorder

_LOOK_BACK = 50  # lines of the ledger; every writer looks, so a gap never grows old


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Fills gaps between the tables' logs and the metastore."""

    lake: Lake
    recorder: Recorder

    def catch_up(self, table: Table) -> int:
        """Records the commits that the ledger does not have yet, and returns how many there were.

        A process that died between commit and record leaves such a gap; so does a lost metastore.
        """
        newest = table.version()
        if newest < 0:
            return 0
        # A gap may lie below the newest line: a compaction can be acknowledged over a publish whose process died.
        latest = self.recorder.metastore.commits.history(_path(table.ref), limit=_LOOK_BACK)
        known = {entry.version for entry in latest}
        first = next((v for v in range(min(known, default=0), newest + 1) if v not in known), newest + 1)
        if first > newest:
            return 0
        # What others wrote was never audited: a person accepts it, or nobody does.
        lacking = [logged for logged in table.history(first) if logged.version not in known and logged.is_ours]
        for logged in lacking:
            self._record(table.ref, logged)
        return len(lacking)

    def catch_up_all(self, report: Callable[[TableRef, int], None]) -> None:
        """Catches every table of the lake up; `report` is told how many commits each one lacked."""
        for ref in self.lake.tables():
            report(ref, self.catch_up(self.lake.table(ref)))

    def remember(self, manifest: Manifest, *, is_snapshot: bool) -> None:
        """Notes the deliveries of a manifest, so that the same ones are skipped from now on."""
        self.recorder.metastore.deliveries.record(
            [
                DeliveryEntry(
                    dataset=manifest.dataset,
                    source=manifest.source,
                    sha256=landed.sha256,
                    batch_id=manifest.batch_id,
                    delivery_date=landed.delivery_date.isoformat() if is_snapshot and landed.delivery_date else "",
                    name=landed.name,
                )
                for landed in manifest.objects
            ]
        )

    def _record(self, ref: TableRef, logged: LoggedCommit) -> None:
        commit = Commit(
            ref=ref,
            version=logged.version,
            digest=logged.digest,
            rows_added=logged.rows_added,
            files_added=len(logged.added),
            files_removed=len(logged.removed),
        )
        receipt = Receipt.read(logged.metadata)
        if receipt is None:
            self.recorder.acknowledge(commit)
        else:
            self.recorder.record(commit, receipt)


def _path(ref: TableRef) -> str:
    return ref.path.removeprefix("tables/")
