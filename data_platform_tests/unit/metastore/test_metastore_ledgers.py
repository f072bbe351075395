from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.errors import DamagedTable
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.commits import CommitEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.tables import FileOutcome, PartitionState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
RAW = "raw.commerce.orders"
ORDERS = "curated.commerce.orders"
TABLE = "curated/commerce/orders"


def batch(number: int, **changes: object) -> BatchEntry:
    entry = BatchEntry(
        dataset=RAW,
        source="shop",
        number=number,
        batch_id=f"shop/{number}",
        manifest_sha256="ab" * 32,
        received_at=NOW + timedelta(minutes=number),
        contract_version="1.0.0",
        source_rows=10,
        raw_rows=8,
        rejected_rows=2,
        raw_version=number,
        rejected_version=number,
        run_id="run-1",
        recorded_at=NOW,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def file(position: int, **changes: object) -> FileEntry:
    entry = FileEntry(
        dataset=RAW,
        batch_id="shop/1",
        position=position,
        name=f"orders_{position}.csv",
        sha256="cd" * 32,
        outcome=FileOutcome.READ,
        source_rows=5,
        raw_rows=4,
        rejected_rows=1,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def partition(day: str, **changes: object) -> PartitionEntry:
    entry = PartitionEntry(
        dataset=ORDERS,
        partition=day,
        raw_dataset=RAW,
        raw_version=4,
        table_version=1,
        run_id="run-1",
        state=PartitionState.PUBLISHED,
        raw_rows=10,
        curated=7,
        quarantined=1,
        late=1,
        duplicate=1,
        recorded_at=NOW,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def commit(version: int, **changes: object) -> CommitEntry:
    entry = CommitEntry(
        table=TABLE,
        version=version,
        digest=f"digest-{version}",
        rows=100,
        files=2,
        size_bytes=2**33,
        run_id="run-1",
        committed_at=NOW + timedelta(minutes=version),
        metadata={"inputs": {RAW: 4}},
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def test_a_batch_comes_back_with_its_files_in_order(metastore: Metastore) -> None:
    skipped = file(1, outcome=FileOutcome.SKIPPED, source_rows=None, raw_rows=0, rejected_rows=0, first_batch="shop/0")
    metastore.batches.record(batch(1), files=[skipped, file(0)])
    assert metastore.batches.get(RAW, batch_id="shop/1") == batch(1)
    assert metastore.batches.files(RAW, batch_id="shop/1") == (file(0), skipped)
    assert metastore.batches.get(RAW, batch_id="shop/2") is None


def test_recording_a_batch_again_replaces_it_but_keeps_its_first_time_and_known_run(metastore: Metastore) -> None:
    metastore.batches.record(batch(1), files=[file(0), file(1)])
    metastore.batches.record(batch(1, raw_rows=9, rejected_rows=1, run_id=None, recorded_at=LATER), files=[file(0)])
    assert metastore.batches.of(RAW) == (batch(1, raw_rows=9, rejected_rows=1),)
    assert metastore.batches.files(RAW, batch_id="shop/1") == (file(0),)


def test_batches_are_found_by_source_and_by_raw_version(metastore: Metastore) -> None:
    for number in (1, 2, 3):
        metastore.batches.record(batch(number))
    metastore.batches.record(batch(1, source="till", batch_id="till/1", raw_version=9))
    assert [entry.number for entry in metastore.batches.of(RAW, source="shop", limit=2)] == [3, 2]
    assert [entry.batch_id for entry in metastore.batches.after(RAW, raw_version=2)] == ["shop/3", "till/1"]
    assert metastore.batches.last_number(RAW, source="shop") == 3
    assert metastore.batches.last_number(RAW, source="nobody") is None


def test_a_batch_whose_rows_do_not_add_up_is_found(metastore: Metastore) -> None:
    metastore.batches.record(batch(1))
    metastore.batches.record(batch(2, raw_rows=7))
    assert batch(2, raw_rows=7).residual == 1
    assert [entry.number for entry in metastore.batches.unbalanced(RAW)] == [2]
    assert metastore.batches.unbalanced("raw.commerce.other") == ()


@pytest.mark.parametrize(
    ("counts", "residual"),
    [
        ({"raw_rows": 36, "curated": 1, "quarantined": 2, "late": 3, "duplicate": 4, "pending": 5, "applied": 6,
          "unchanged": 7, "superseded": 8}, 0),
        ({"raw_rows": 12}, 2),
        ({"raw_rows": 9}, -1),
    ],
)  # fmt: skip
def test_the_residual_of_a_partition_is_what_no_fate_accounts_for(counts: dict[str, int], residual: int) -> None:
    assert partition("2026-03-01", **counts).residual == residual


def test_the_newest_line_of_a_partition_is_the_one_with_the_highest_version_then_time(metastore: Metastore) -> None:
    published = partition("2026-03-01", table_version=2, run_id="run-2", recorded_at=NOW)
    blocked = partition("2026-03-01", table_version=2, run_id="run-3", state=PartitionState.BLOCKED, recorded_at=LATER)
    older = partition("2026-03-01", table_version=1, run_id="run-1", recorded_at=LATER)
    for line in (published, blocked, older):
        metastore.partitions.record([line])
    assert metastore.partitions.latest(ORDERS) == (blocked,)
    assert metastore.partitions.history(ORDERS, partition="2026-03-01") == (blocked, published, older)
    assert metastore.partitions.of_run("run-2") == (published,)


def test_deriving_an_old_line_again_does_not_hide_a_newer_blocked_one(metastore: Metastore) -> None:
    published = partition("2026-03-01", recorded_at=NOW)
    blocked = partition("2026-03-01", run_id="run-2", state=PartitionState.BLOCKED, recorded_at=LATER)
    metastore.partitions.record([published])
    metastore.partitions.record([blocked])
    metastore.partitions.record([replace(published, recorded_at=LATER + timedelta(days=1))])
    assert metastore.partitions.get(ORDERS, partition="2026-03-01") == blocked
    assert metastore.partitions.history(ORDERS) == (blocked, published)


def test_blocked_and_pending_partitions_are_found_in_a_range_only(metastore: Metastore) -> None:
    blocked = PartitionState.BLOCKED
    lines = [
        partition("2026-03-01", state=blocked),
        partition("2026-03-02", curated=6, pending=1),
        partition("2026-03-03"),
        partition("2026-03-04", state=blocked),
        partition("all", dataset="curated.commerce.customers", state=blocked),
    ]
    metastore.partitions.record(lines)
    in_range = metastore.partitions.blocked_in(ORDERS, low="2026-03-01", high="2026-03-03")
    assert [line.partition for line in in_range] == ["2026-03-01", "2026-03-02"]
    assert metastore.partitions.blocked_in(ORDERS, low="2026-03-03", high="2026-03-03") == ()
    assert len(metastore.partitions.blocked_in(ORDERS, low="all", high="all")) == 3
    assert len(metastore.partitions.blocked_in("curated.commerce.customers", low="2026-03-01", high="2026-03-01")) == 1


def test_a_partition_published_after_it_was_blocked_is_free_again(metastore: Metastore) -> None:
    metastore.partitions.record([partition("2026-03-01", state=PartitionState.BLOCKED)])
    metastore.partitions.record([partition("2026-03-01", table_version=2, run_id="run-2", recorded_at=LATER)])
    assert metastore.partitions.blocked_in(ORDERS, low="2026-03-01", high="2026-03-01") == ()


def test_pruning_partition_history_keeps_the_newest_lines_readable(metastore: Metastore) -> None:
    metastore.partitions.record([partition("2026-03-01")])
    assert metastore.partitions.prune(NOW) == 0
    assert metastore.partitions.prune(LATER) == 1
    assert metastore.partitions.history(ORDERS) == ()
    assert metastore.partitions.latest(ORDERS) == (partition("2026-03-01"),)


def test_acknowledged_commits_are_found_by_version_and_the_head_is_the_newest(metastore: Metastore) -> None:
    metastore.commits.record([commit(0), commit(10), commit(9)])
    assert metastore.commits.head(TABLE) == commit(10)
    assert metastore.commits.digest(TABLE, version=9) == "digest-9"
    assert metastore.commits.digest(TABLE, version=5) is None
    assert [entry.version for entry in metastore.commits.history(TABLE)] == [10, 9, 0]
    assert metastore.commits.head("curated/commerce/other") is None


def test_acknowledging_a_commit_again_loses_neither_its_content_hash_nor_its_run(metastore: Metastore) -> None:
    metastore.commits.record([commit(1)])
    metastore.commits.set_content_hash(TABLE, version=1, content_hash="100:1:2")
    metastore.commits.record([commit(1, run_id=None)])
    assert metastore.commits.get(TABLE, version=1) == commit(1, content_hash="100:1:2")


def test_an_acknowledged_commit_cannot_get_another_digest(metastore: Metastore) -> None:
    metastore.commits.record([commit(1)])
    with pytest.raises(DamagedTable, match="curated/commerce/orders version 1"):
        metastore.commits.record([commit(0), commit(1, digest="other")])
    assert metastore.commits.history(TABLE) == (commit(1),)


def test_a_rebuilt_table_starts_with_no_acknowledged_commits(metastore: Metastore) -> None:
    metastore.commits.record([commit(0), commit(1), commit(0, table="curated/commerce/other")])
    assert metastore.commits.forget(TABLE) == 2
    metastore.commits.record([commit(0, digest="new")])
    assert metastore.commits.digest(TABLE, version=0) == "new"
    assert metastore.commits.digest("curated/commerce/other", version=0) == "digest-0"


def test_pruning_commits_keeps_the_head_of_every_table(metastore: Metastore) -> None:
    metastore.commits.record([commit(0), commit(1), commit(0, table="curated/commerce/other")])
    assert metastore.commits.prune(LATER + timedelta(days=1)) == 1
    assert metastore.commits.head(TABLE) == commit(1)
    assert metastore.commits.head("curated/commerce/other") is not None
