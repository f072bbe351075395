"""Real runs over a small project, metered; every number is held against the store's files or the process itself."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from data_platform.costs.metering import IDLE
from data_platform.errors import PublishBlocked, UpstreamBlocked
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.tables import RunState
from data_platform_tests.kit import Kit, at, csv_text

FIELDS = ("id", "at", "amount")
COLUMNS = ("id int key", "at timestamp required", "amount int")
COPY = "SELECT id, at, amount FROM raw.shop.{} "
ADMIT: dict[str, Any] = {"materialization": "admit", "dedupe_key": ["id"], "watermark": "at"}


def orders(kit: Kit, *, name: str = "orders", **custom: Any) -> None:
    kit.raw(name, COLUMNS, watermark="at")
    kit.curated(name, COLUMNS, COPY.format(name), **{**ADMIT, **custom})


def deliver(kit: Kit, rows: int, *, name: str = "orders", first: int = 0) -> Path:
    lines = [(number, at("2026-03-18"), number) for number in range(first, first + rows)]
    return kit.drop(f"{name}/{first:06}.csv", csv_text(FIELDS, lines))


def line(kit: Kit, dataset: str) -> RunMeterEntry:
    kit.platform.meter.keep()
    (only,) = kit.platform.metastore.operations.run_meters.of_dataset(dataset)
    return only


def bytes_of(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern))


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = Kit(tmp_path)
    yield one
    one.close()


def test_bytes_read_and_written_are_those_of_the_files(kit: Kit) -> None:
    orders(kit, cost_tags={"product": "shop"})
    delivery = deliver(kit, 2000)
    store = kit.folder / "home" / "store"
    kit.ingest("orders")
    raw = line(kit, "raw.shop.orders")
    landed = bytes_of(store / "landing" / "shop" / "orders" / "objects", "*")
    staged = bytes_of(store / "tables", "*.parquet")
    assert landed == delivery.stat().st_size
    assert (raw.bytes_read, raw.bytes_written, raw.logical_bytes_in) == (landed, landed + staged, landed)
    kit.materialize("curated.orders")
    curated = line(kit, "curated.shop.orders")
    assert curated.bytes_read == curated.logical_bytes_in == bytes_of(store / "tables" / "raw", "*.parquet")
    assert curated.bytes_written == bytes_of(store / "tables" / "curated", "*.parquet") > 0
    assert (curated.owner, curated.cost_centre, curated.tags) == ("Shop", "CC-1", {"product": "shop"})


def test_bytes_in_are_those_of_the_expanded_file_however_it_was_packed(kit: Kit) -> None:
    text = csv_text(FIELDS, [(number, at("2026-03-18"), number) for number in range(3000)]).encode()
    table = csv.read_csv(io.BytesIO(text))
    columns = table.column_names
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    plain = pq.ParquetFile(io.BytesIO(buffer.getvalue())).metadata
    uncompressed = sum(
        plain.row_group(group).column(number).total_uncompressed_size
        for group in range(plain.num_row_groups)
        for number in range(len(columns))
    )
    kit.raw("packed", COLUMNS, watermark="at", format={"kind": "csv", "compression": "gzip"})
    kit.raw("flat", COLUMNS, watermark="at", format={"kind": "csv"})
    kit.raw("columns", COLUMNS, watermark="at", format={"kind": "parquet"})
    deliveries = {"packed": gzip.compress(text), "flat": text, "columns": buffer.getvalue()}
    for name, data in deliveries.items():
        kit.drop(f"{name}/a", data)
        (batch,) = kit.ingest(name)
        assert batch.raw_rows == 3000
    found = {name: line(kit, f"raw.shop.{name}") for name in deliveries}
    assert {name: one.bytes_read for name, one in found.items()} == {n: len(data) for n, data in deliveries.items()}
    expected = {"packed": len(text), "flat": len(text), "columns": uncompressed}
    assert {name: one.logical_bytes_in for name, one in found.items()} == expected


def test_cpu_of_all_runs_is_the_process_s_and_peak_memory_is_its_own(kit: Kit) -> None:
    orders(kit)
    deliver(kit, 50_000)
    meter = kit.platform.meter  # begins to count
    before = time.process_time()
    kit.ingest("orders")
    kit.materialize("curated.orders")
    kit.platform.meter.keep()
    spent = time.process_time() - before
    meters = meter.metastore.operations.run_meters
    counted = sum(
        one.cpu_seconds for name in ("raw.shop.orders", "curated.shop.orders", IDLE) for one in meters.of_dataset(name)
    )
    assert counted == pytest.approx(spent, rel=0.02, abs=0.05)
    high = int(next(text for text in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in text).split()[1])
    assert 0 < line(kit, "curated.shop.orders").peak_memory_bytes <= high * 1024


def test_a_blocked_run_and_a_failed_one_are_metered(kit: Kit) -> None:
    rule = {"name": "few", "metric": "rowCount", "mustBeLessThan": 5, "severity": "error"}
    orders(kit, quality=[rule])
    orders(kit, name="items")
    deliver(kit, 1000)
    kit.ingest("orders")
    with pytest.raises(PublishBlocked):
        kit.materialize("curated.orders")
    blocked = line(kit, "curated.shop.orders")
    assert blocked.cpu_seconds > 0
    assert blocked.bytes_written > 0
    assert blocked.logical_bytes_in == 0
    assert bytes_of(kit.folder / "home" / "store" / "tables" / "curated", "*.parquet") == 0
    with pytest.raises(UpstreamBlocked):
        kit.materialize("curated.items")
    failed = line(kit, "curated.shop.items")
    assert failed.cpu_seconds > 0
    assert failed.bytes_written == 0


def test_two_datasets_at_once_in_one_process_are_not_counted_twice(kit: Kit) -> None:
    names = ("orders", "items")
    for name in names:
        orders(kit, name=name)
        deliver(kit, 30_000, name=name)
        kit.ingest(name)
    kit.platform.meter.keep()
    idle = sum(one.cpu_seconds for one in kit.platform.metastore.operations.run_meters.of_dataset(IDLE))
    before = time.process_time()
    threads = [threading.Thread(target=kit.materialize, args=(f"curated.{name}",)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kit.platform.meter.keep()
    spent = time.process_time() - before
    lines = [line(kit, f"curated.shop.{name}") for name in names]
    between = sum(one.cpu_seconds for one in kit.platform.metastore.operations.run_meters.of_dataset(IDLE)) - idle
    assert sum(one.cpu_seconds for one in lines) + between == pytest.approx(spent, rel=0.02, abs=0.05)
    files = {
        name: bytes_of(kit.folder / "home" / "store" / "tables" / "curated" / "shop" / name, "*.parquet")
        for name in names
    }
    assert {name: one.bytes_written for name, one in zip(names, lines, strict=True)} == files


_DIES = """
import os, sys, time
from pathlib import Path
import data_platform.publication.audit as audit
from data_platform_tests.kit import Kit

def hang(con, candidate):
    print("ready", flush=True)
    time.sleep(600)

audit.audit = hang
kit = Kit(Path(sys.argv[1]))
kit.materialize("curated.orders")
"""


def test_a_killed_run_is_a_visible_unmetered_line(kit: Kit) -> None:
    orders(kit)
    deliver(kit, 100)
    kit.ingest("orders")
    kit.close()
    with subprocess.Popen(
        [sys.executable, "-c", _DIES, str(kit.folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    kit.clock.advance(timedelta(minutes=10))
    (run,) = kit.platform.metastore.runs.recent(dataset="curated.shop.orders")
    assert run.state is RunState.RUNNING
    assert [(one.dataset, one.runs) for one in kit.platform.costs.report().unmetered] == [("curated.shop.orders", 1)]
    kit.materialize("curated.orders")
    kit.platform.meter.keep()
    (one,) = kit.platform.costs.report().unmetered
    assert one.estimate is not None
    assert one.estimate > 0


def test_every_object_of_the_store_is_in_one_storage_line_and_a_second_metering_replaces_the_first(kit: Kit) -> None:
    orders(kit)
    deliver(kit, 500)
    kit.ingest("orders")
    kit.materialize("curated.orders")
    store = kit.folder / "home" / "store"
    (store / "tables" / "curated" / "shop" / "stray").mkdir()
    (store / "tables" / "curated" / "shop" / "stray" / "x.parquet").write_bytes(b"12345")
    (store / "_rejected").mkdir()
    (store / "_rejected" / "old.parquet").write_bytes(b"123")
    walked: Counter[str] = Counter()
    for file in (path for path in store.rglob("*") if path.is_file()):
        parts = file.relative_to(store).parts
        walked["/".join(parts[: {"landing": 3, "tables": 4}.get(parts[0], 1)])] += file.stat().st_size
    first = kit.platform.storage_meter.meter()
    assert {one.place: one.size_bytes for one in first} == walked
    assert kit.platform.storage_meter.meter() == first
    assert kit.platform.metastore.operations.storage_meters.of_day(kit.clock.now().date()) == first
    owners = {one.place: (one.zone, one.dataset, one.owner) for one in first}
    assert owners["landing/shop/orders"] == ("landing", "raw.shop.orders", "Shop")
    assert owners["tables/rejected/shop/orders"] == ("rejected", "raw.shop.orders", "Shop")
    assert owners["tables/held/shop/orders"] == ("held", "curated.shop.orders", "Shop")
    assert owners["tables/curated/shop/stray"] == ("curated", "curated.shop.stray", "")
    assert owners["_rejected"] == ("other", "_rejected", "")
    assert {"curated.shop.stray", "_rejected"} <= set(kit.platform.costs.report().untagged_datasets)


def test_a_dataset_that_is_gone_still_shows_with_what_it_cost_its_owner(kit: Kit) -> None:
    orders(kit)
    deliver(kit, 100)
    kit.ingest("orders")
    kit.materialize("curated.orders")
    kit.close()
    for suffix in (".odcs.yaml", ".sql"):
        (kit.folder / "domains" / "shop" / "curated" / f"orders{suffix}").unlink()
    by_dataset = {cost.name: cost for cost in kit.platform.costs.report(by="dataset").costs}
    assert by_dataset["curated.shop.orders"].cpu_seconds > 0
    assert [cost.name for cost in kit.platform.costs.report(by="owner").costs] == ["Shop"]


def test_compaction_is_the_platform_s_own_work(kit: Kit) -> None:
    orders(kit)
    for number in range(3):
        deliver(kit, 100, first=100 * number)
        kit.ingest("orders")
    folder = kit.folder / "home" / "store" / "tables" / "raw" / "shop" / "orders"
    small = {file: file.stat().st_size for file in folder.glob("*.parquet")}
    kit.platform.upkeep.tend(TableRef(Zone.RAW, "shop", "orders"), small_files=1)
    work = line(kit, "platform.upkeep")
    made = [file.stat().st_size for file in folder.glob("*.parquet") if file not in small]
    assert (work.bytes_read, work.bytes_written) == (sum(small.values()), sum(made))
    report = kit.platform.costs.report(by="dataset")
    assert report.shared > 0
    assert "platform.upkeep" not in {cost.name for cost in report.costs}


def test_costs_of_a_real_month_add_up_to_its_meters(kit: Kit) -> None:
    orders(kit)
    orders(kit, name="items")
    for name in ("orders", "items"):
        deliver(kit, 1000, name=name)
        kit.ingest(name)
        kit.materialize(f"curated.{name}")
    kit.platform.storage_meter.meter()
    kit.platform.meter.keep()
    operations = kit.platform.metastore.operations
    names = [f"{layer}.shop.{name}" for layer in ("raw", "curated") for name in ("orders", "items")]
    used = [one for name in (*names, IDLE) for one in operations.run_meters.of_dataset(name)]
    hours = sum(Fraction(one.cpu_seconds) for one in used) / 3600
    gib_hours = sum(Fraction(one.memory_byte_seconds) for one in used) / 3600 / 2**30
    stored = Fraction(bytes_of(kit.folder / "home" / "store", "*.*"), 2**30) / 31
    expected = hours * Fraction("0.025") + gib_hours * Fraction("0.004") + stored * Fraction("0.02")
    for by in ("dataset", "domain", "owner", "cost_centre", "tag:product"):
        report = kit.platform.costs.report(by=by)
        parts = sum((cost.total for cost in report.costs), Decimal(0))
        assert abs(Fraction(parts) - expected) <= expected / 1000


def test_the_nightly_upkeep_meters_what_is_stored(kit: Kit) -> None:
    from data_platform.orchestration.upkeep import upkeep_job

    orders(kit)
    deliver(kit, 100)
    kit.ingest("orders")
    assert upkeep_job().execute_in_process(resources={"platform": kit.platform}).success
    store = kit.folder / "home" / "store"
    metered = kit.platform.metastore.operations.storage_meters.of_day(kit.clock.now().date())
    assert sum(one.size_bytes for one in metered) == sum(
        file.stat().st_size for file in store.rglob("*") if file.is_file()
    )
