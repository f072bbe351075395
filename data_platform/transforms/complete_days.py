"""Which deliveries of a snapshot dataset are complete: absence proves something only in these."""

from __future__ import annotations

from datetime import date

from data_platform.contracts.delivery_dates import delivery_date
from data_platform.contracts.model import Contract
from data_platform.metastore.engine import Metastore
from data_platform.metastore.tables import FileOutcome


def complete_days(metastore: Metastore, raw: Contract, *, version: int) -> tuple[date, ...]:
    """The delivery dates, as of a raw version, whose files were all read without a rejected record.

    A file without rows is complete too: it says that there is nothing any more. The ledger must know the version.
    """
    dataset = str(raw.name)
    is_complete: dict[date, bool] = {}
    for batch in metastore.batches.of(dataset):
        if batch.raw_version > version:
            continue
        for file in metastore.batches.files(dataset, batch_id=batch.batch_id):
            day = delivery_date(raw, file.name)
            if day is not None and file.outcome != FileOutcome.SKIPPED:
                is_whole = file.outcome == FileOutcome.READ and not file.rejected_rows
                is_complete[day] = is_complete.get(day, True) and is_whole
    return tuple(sorted(day for day, is_whole in is_complete.items() if is_whole))
