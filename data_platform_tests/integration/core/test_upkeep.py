"""Many small batches leave many small files and a long log; upkeep makes few of them and changes nothing anybody reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.lakehouse.compaction import compact
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.publication import upkeep
from data_platform_tests.kit import Kit, dataset, ndjson_text

RAW = TableRef(Zone.RAW, "shop", "items")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("items", ("id int required", "at timestamp required"), format={"kind": "ndjson"}, watermark="at")
    yield kit
    kit.close()


def batch(kit: Kit, number: int) -> None:
    kit.drop(f"items/{number:03}.ndjson", ndjson_text([{"id": number, "at": "2026-03-01T10:00:00Z"}]))
    assert len(kit.ingest("items")) == 1


def files(kit: Kit) -> int:
    return len(kit.platform.lake.table(RAW).snapshot().files)


def test_small_files_become_one_with_the_same_content_and_the_next_batch_builds_on_it(kit: Kit) -> None:
    for number in range(8):
        batch(kit, number)
    before = kit.hash("raw.items")
    assert files(kit) == 8
    tended = kit.platform.upkeep.tend(RAW, small_files=5)
    assert (tended.files_before, tended.files_after) == (8, 1)
    assert files(kit) == 1
    assert kit.hash("raw.items") == before
    kit.reopen()
    batch(kit, 8)
    assert sorted(row["id"] for row in kit.rows("raw.items")) == list(range(9))
    assert kit.ingest("items") == ()


def test_a_table_with_few_files_gets_a_checkpoint_only(kit: Kit) -> None:
    for number in range(3):
        batch(kit, number)
    tended = kit.platform.upkeep.tend(RAW, small_files=5)
    assert (tended.files_before, tended.files_after) == (3, 3)
    log = kit.folder / "home" / "store" / RAW.path / "_delta_log"
    assert [file.name for file in log.glob("*.checkpoint.parquet")] == [f"{tended.checkpoint:020}.checkpoint.parquet"]
    kit.reopen()
    batch(kit, 3)
    assert len(kit.rows("raw.items")) == 4


def test_an_older_version_reads_as_before(kit: Kit) -> None:
    for number in range(6):
        batch(kit, number)
    table = kit.platform.lake.table(RAW)
    old = table.version()
    kit.platform.upkeep.tend(RAW, small_files=2)
    assert table.version() == old + 1
    assert table.snapshot(old).rows == table.snapshot().rows == 6
    assert len(table.snapshot(old).files) == 6


def test_a_writer_who_was_first_wins(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        batch(kit, number)

    def overtaken(*arguments: Any, **named: Any) -> Any:
        other = threading.Thread(target=batch, args=(kit, 99))
        # The lease of the table only saves work; a writer without it, on another host, commits meanwhile.
        other.start()
        other.join()
        return compact(*arguments, **named)

    monkeypatch.setattr(upkeep, "compact", overtaken)
    tended = kit.platform.upkeep.tend(RAW, small_files=2)
    assert tended.files_after == 7
    assert sorted(row["id"] for row in kit.rows("raw.items")) == [*range(6), 99]


def test_what_is_computed_from_a_compacted_table_is_not_stale(kit: Kit) -> None:
    kit.curated(
        "items",
        ("id int key", "at timestamp required", "day date required partition"),
        "SELECT id, at, CAST(at AT TIME ZONE 'UTC' AS DATE) AS day FROM raw.shop.items\n",
        materialization="admit",
        dedupe_key=["id"],
    )
    kit.reopen()
    for number in range(6):
        batch(kit, number)
    kit.refresh("curated.items")
    kit.platform.upkeep.tend(RAW, small_files=2)
    assert not kit.platform.staleness.of(dataset("curated.items"))
