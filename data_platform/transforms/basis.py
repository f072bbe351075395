"""What the published version of a `merge` or `scd2` dataset was computed from, and what has come since.

Only where all of it is known for certain can a run leave out the keys that nothing new names. What cannot be told gives
no basis: then everything is computed anew, which is always right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from data_platform.contracts.model import Delivery, Materialization
from data_platform.errors import ConfigurationError, DamagedTable
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.tables import Table
from data_platform.metastore.engine import Metastore
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.tables import PartitionState
from data_platform.publication.receipt import Receipt
from data_platform.transforms.admit import AdmitPlan

_CLOCK_TICK = timedelta(seconds=1)  # a ledger may keep less of a second than a table does
HISTORY_FATES = ("applied", "unchanged", "superseded", "quarantined", "late")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is about to be computed: the recipe, and the inputs at the versions that are read."""

    fingerprint: str
    raw: Snapshot
    decisions: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The published version and what is new since.

    Attributes:
        batches: ids of the batches that raw has now and had not then.
        received_from: no row of these was received before; None where there are none.
        decisions: the decisions that it was computed with; None where they are those of now.
        fates: its ledger: rows by fate, of every event date.
        raw_rows: rows in raw now.
    """

    batches: tuple[str, ...]
    received_from: datetime | None
    decisions: Snapshot | None
    fates: Mapping[date, Mapping[str, int]]
    raw_rows: int


def find_basis(metastore: Metastore, decisions: Table, plan: AdmitPlan, wanted: Wanted) -> Basis | None:
    """What a run can build on; None where it has to compute everything.

    A run for which nothing is new computes everything too: somebody asked for it.
    """
    contract, raw = plan.target.contract, plan.raw
    receipt = _last_receipt(plan.target.table, plan.target.base)
    absence_matters = contract.materialization is Materialization.SCD2 and raw.delivery is Delivery.SNAPSHOT
    if receipt is None or receipt.fingerprint != wanted.fingerprint or absence_matters:
        return None
    then, now = receipt.inputs.get(str(raw.name), -1), wanted.raw.version
    is_same = (then, receipt.decisions_version) == (now, wanted.decisions.version)
    lines = metastore.partitions.latest(str(contract.name))
    rows_then, rows_now = (metastore.batches.rows_at(str(raw.name), raw_version=version) for version in (then, now))
    if is_same or not 0 < then <= now or rows_now != wanted.raw.rows or not _closes(lines, rows_then):
        return None
    before = None
    if receipt.decisions_version > wanted.decisions.version:
        return None
    if receipt.decisions_version < wanted.decisions.version:
        before = _opened(decisions, receipt.decisions_version)
        if before is None:
            return None
    new = [batch for batch in metastore.batches.after(str(raw.name), raw_version=then) if batch.raw_version <= now]
    return Basis(
        batches=tuple(batch.batch_id for batch in new),
        received_from=min((batch.received_at - _CLOCK_TICK for batch in new), default=None),
        decisions=before,
        fates={date.fromisoformat(line.partition): _fates(line) for line in lines},
        raw_rows=rows_now,
    )


def _last_receipt(table: Table, base: Snapshot) -> Receipt | None:
    """The receipt of the newest commit up to `base` that has one: a compaction says nothing about data."""
    for version in range(base.version, 0, -1):
        try:
            logged = table.log.commit(version)
        except FileNotFoundError:
            return None
        receipt = Receipt.read(logged.metadata) if logged else None
        if receipt is not None:
            return receipt
    return None


def _closes(lines: tuple[PartitionEntry, ...], rows: int) -> bool:
    """Whether the ledger accounts for all of the raw rows that were there."""
    is_sound = all(
        line.state is PartitionState.PUBLISHED
        and not line.residual
        and not line.pending
        and line.partition != WHOLE_TABLE
        for line in lines
    )
    return is_sound and sum(line.raw_rows for line in lines) == rows


def _fates(line: PartitionEntry) -> dict[str, int]:
    return {fate: getattr(line, fate) for fate in HISTORY_FATES}


def _opened(table: Table, version: int) -> Snapshot | None:
    try:
        return table.snapshot(max(version, 0))  # version 0, its creation, holds nothing
    except (ConfigurationError, DamagedTable):
        return None
