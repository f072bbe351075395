from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.errors import DamagedTable
from data_platform.publication.receipt import METADATA_KEY, BatchCount, CheckCount, FileCount, PartitionCount, Receipt

names = st.text(st.characters(codec="utf-8"), max_size=8)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
counts = st.integers(0, 10**12)
partitions = st.builds(PartitionCount, partition=names, source=counts, fates=st.dictionaries(names, counts, max_size=3))
checks = st.builds(
    CheckCount, rule=names, kind=names, reason=names, severity=names, verdict=names, rows_examined=counts,
    failing_rows=counts, engine=names, detail=names,
)  # fmt: skip
files = st.builds(FileCount, position=counts, name=names, sha256=names, outcome=names, source_rows=st.none() | counts)
batches = st.builds(
    BatchCount, source=names, n=counts, manifest_sha256=names, received_at=moments, rejected_version=st.integers(-1, 9),
    files=st.lists(files, max_size=2).map(tuple), event_dates=st.dictionaries(st.dates(), counts, max_size=2),
    newest_event_time=st.none() | moments,
)  # fmt: skip
receipts = st.builds(
    Receipt, dataset=names, run_id=names, materialization=names, started_at=moments, finished_at=moments,
    contract_version=names, contract_sha256=names, code_version=names, fingerprint=names, rows=counts,
    inputs=st.dictionaries(names, counts, max_size=2), range_from=st.none() | st.dates(),
    partitions=st.lists(partitions, max_size=2).map(tuple), checks=st.lists(checks, max_size=2).map(tuple),
    batch=st.none() | batches,
)  # fmt: skip


@given(receipt=receipts)
def test_a_receipt_is_read_as_it_was_written(receipt: Receipt) -> None:
    assert Receipt.read(receipt.metadata()) == receipt


def test_commits_without_a_receipt_have_none_and_a_torn_one_is_damage() -> None:
    assert Receipt.read({"other": "text"}) is None
    with pytest.raises(DamagedTable, match="newer version"):
        Receipt.read({METADATA_KEY: '{"dataset": "x"'})


@given(source=counts, held=counts, kept=counts)
def test_a_residual_is_what_has_no_fate(source: int, held: int, kept: int) -> None:
    count = PartitionCount(partition="all", source=source, fates={"late": held, "curated": kept})
    assert count.residual + held + kept == source


def test_a_file_that_nobody_could_count_is_one_item_and_a_skipped_one_is_none() -> None:
    kinds = [("read", 7, 5, 2), ("rejected", None, 0, 1), ("skipped", None, 0, 0)]
    batch = BatchCount(
        source="s", n=1, manifest_sha256="", received_at=datetime(2026, 1, 1, tzinfo=UTC), rejected_version=1,
        files=tuple(
            FileCount(position=i, name="", sha256="", outcome=how, source_rows=rows, raw_rows=raw, rejected_rows=bad)
            for i, (how, rows, raw, bad) in enumerate(kinds)
        ),
        event_dates={date(2026, 1, 1): 5},
    )  # fmt: skip
    assert (batch.source_rows, batch.raw_rows, batch.rejected_rows) == (8, 5, 3)
