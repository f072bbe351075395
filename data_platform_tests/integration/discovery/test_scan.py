from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType
from starlette.testclient import TestClient

from data_platform.cli.examinations import head_of
from data_platform.errors import DamagedTable, SourceUnavailable
from data_platform.lakehouse.durability import HeadKind
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.tables import Lake
from data_platform.serving.app import platform_app
from data_platform_tests.integration.discovery.estate import Estate
from data_platform_tests.integration.orchestration.shop import drop
from data_platform_tests.kit import dataset

ORDERS = "curated.shop.orders"


def test_a_healthy_store_is_covered_wholly_and_has_no_finding(estate: Estate) -> None:
    scanned = estate.scan()
    assert (scanned.scan.discovered, scanned.scan.cataloged, scanned.scan.coverage) == (6, 6, 1.0)
    assert {one.standing for one in scanned.findings} == {"managed"}
    assert len(scanned.findings) == 8  # with the side tables: rejected, held
    assert scanned.changed == scanned.open == ()
    assert estate.cataloged(ORDERS).standing == "managed"  # type: ignore[union-attr]


def test_a_table_that_nobody_described_is_in_the_catalog_after_one_scan_and_moves_the_coverage(estate: Estate) -> None:
    estate.scan()
    estate.write("tables/curated/shop/extract", {"id": [1], "amount": [2.5]})
    estate.write("exports/orders", {"id": [1]})
    assert estate.standings() == {"curated.shop.extract": "unmanaged", "exports/orders": "unmanaged"}
    latest = estate.kit.platform.metastore.catalog.scans.latest()
    assert latest is not None
    assert latest.coverage == pytest.approx(6 / 8)
    line = estate.cataloged("curated.shop.extract")
    assert line is not None
    assert (line.standing, line.found) == ("unmanaged", "no contract")
    columns = estate.kit.platform.metastore.catalog.reads.columns(line.id)
    assert [(one.name, one.type) for one in columns] == [("id", "BIGINT"), ("amount", "DOUBLE")]
    outside = estate.cataloged(estate.folder("exports/orders"), "file")
    assert outside is not None
    assert outside.standing == "unmanaged"


def test_parquet_without_a_log_inside_the_platform_s_own_folders_is_found(estate: Estate) -> None:
    out = BytesIO()
    pq.write_table(pa.table({"id": [1]}), out)
    store = estate.kit.platform.store
    for key in ("tables/curated/shop/extract.parquet", "tables/held/shop/mine/0.parquet"):
        store.put_if_absent(key, out.getvalue())
    assert estate.standings() == {
        "tables/curated/shop/extract.parquet": "unmanaged", "held.shop.mine": "unmanaged",
    }  # fmt: skip


def test_a_version_that_others_wrote_is_drift_and_is_neither_read_nor_built_on(estate: Estate) -> None:
    kit = estate.kit
    estate.add_order(discount=[1])
    assert estate.standings() == {ORDERS: "drifted"}
    kinds = {(kind, subject): (wanted, there) for kind, subject, wanted, there in estate.differences(ORDERS)}
    assert kinds["column_added", "discount"] == ("", "BIGINT")
    assert kinds["foreign_version", "2"][1].startswith("WRITE by delta-rs")
    line = estate.cataloged(ORDERS)
    assert line is not None
    assert line.standing == "drifted"
    assert "column added discount: BIGINT" in str(line.found)
    read = kit.rows("curated.orders", snapshot=kit.platform.heads.for_reading(kit.table("curated.orders")))
    assert [row["order_id"] for row in read] == ["A1", "A2"]
    assert not kit.platform.staleness.of(dataset("served.totals"))  # nothing that can be read is newer
    drop(kit, "b.csv", ("A3", "2026-03-02", "1.00"))
    kit.ingest("orders")
    with pytest.raises(DamagedTable, match="version 2 was written outside the platform; nothing is written until"):
        kit.materialize("curated.orders", "2026-03-02")
    assert kit.platform.recovery.catch_up(kit.table("curated.orders")) == 0
    assert estate.standings() == {ORDERS: "drifted"}  # recovery did not take it for one of ours
    check = head_of(kit.platform, kit.table("curated.orders"))
    assert (check.kind, check.version, check.head) == (HeadKind.FOREIGN, 1, 2)


def test_an_alter_table_from_outside_is_told_as_what_it_changed(estate: Estate) -> None:
    DeltaTable(estate.folder("tables/served/shop/totals")).alter.add_columns([Field("margin", PrimitiveType("double"))])
    assert estate.standings() == {"served.shop.totals": "drifted"}
    added, foreign = estate.differences("served.shop.totals")
    assert added == ("column_added", "margin", "", "DOUBLE")
    assert foreign[:2] == ("foreign_version", "2")
    assert foreign[3].startswith("ADD COLUMN by delta-rs")


def test_upkeep_leaves_what_others_wrote_alone_and_tends_the_rest(estate: Estate) -> None:
    estate.write("tables/curated/shop/extract", {"id": [1]})
    estate.add_order()
    platform = estate.kit.platform
    tended = {str(ref): platform.upkeep.tend(ref).checkpoint for ref in platform.lake.tables()}
    assert tended[ORDERS] is tended["curated.shop.extract"] is None
    assert tended["raw.shop.orders"] == 1
    assert not list(Path(estate.folder("tables/curated/shop/extract/_delta_log")).glob("*.checkpoint*"))


def test_a_column_that_others_gave_another_type_or_took_away_is_told(estate: Estate) -> None:
    estate.write(
        "tables/served/shop/totals", {"orders": ["2"], "note": ["x"]}, mode="overwrite", schema_mode="overwrite"
    )
    estate.write("tables/served/shop/revenue", {"total": [1]}, mode="overwrite", schema_mode="overwrite")
    standings = estate.standings()
    assert standings["served.shop.totals"] == standings["served.shop.revenue"] == "drifted"
    totals = estate.differences("served.shop.totals")
    assert ("column_type", "orders", "BIGINT", "VARCHAR") in totals
    assert ("column_added", "note", "", "VARCHAR") in totals
    revenue = estate.differences("served.shop.revenue")
    assert ("column_removed", "day", "DATE", "") in revenue
    assert ("column_type", "total", "DECIMAL(38,2)", "BIGINT") in revenue


def test_files_that_vanished_and_a_log_entry_that_was_rewritten_are_drift(estate: Estate) -> None:
    revenue = Path(estate.folder("tables/served/shop/revenue"))
    gone = sorted(revenue.glob("*.parquet"))
    for file in gone:
        file.unlink()
    entry = Path(estate.folder("tables/served/shop/totals/_delta_log/00000000000000000001.json"))
    entry.chmod(0o644)
    entry.write_text(entry.read_text() + "\n")
    estate.standings()
    assert estate.differences("served.shop.revenue") == [("file_lost", file.name, "", "missing") for file in gone]
    assert ("rewritten_version", "1", "", "") in estate.differences("served.shop.totals")


def test_a_table_that_vanished_is_missing_and_one_that_never_ran_is_not(estate: Estate) -> None:
    estate.scan()
    shutil.rmtree(estate.folder("tables/served/shop/totals"))
    shutil.rmtree(estate.folder("tables/curated/shop/orders/_delta_log"))
    estate.kit.served("never", ("orders int required",), "SELECT count(*) AS orders FROM curated.shop.orders\n",
                      materialization="table")  # fmt: skip
    assert estate.standings() == {"served.shop.totals": "missing", ORDERS: "drifted"}
    assert estate.differences("served.shop.totals") == [("table_missing", "", "version 1", "")]
    assert [one[0] for one in estate.differences(ORDERS)] == ["no_log"]
    assert estate.cataloged("served.shop.totals").standing == "drifted"  # type: ignore[union-attr]


def test_what_somebody_did_to_the_served_file_is_found(estate: Estate) -> None:
    estate.served(
        "ALTER TABLE shop.revenue ADD COLUMN guess INTEGER",
        "ALTER TABLE shop.revenue DROP COLUMN total",
        "DELETE FROM shop.totals",
        "CREATE VIEW shop.mine AS SELECT 1 AS x",
        "CREATE TABLE extra AS SELECT 1 AS x",
    )
    assert estate.standings() == {
        "warehouse.shop.revenue": "drifted", "warehouse.shop.totals": "drifted",
        "warehouse.shop.mine": "unmanaged", "warehouse.main.extra": "unmanaged",
    }  # fmt: skip
    assert estate.differences("warehouse.shop.revenue") == [
        ("column_added", "guess", "", "INTEGER"), ("column_removed", "total", "DECIMAL(38,2)", ""),
    ]  # fmt: skip
    assert estate.differences("warehouse.shop.totals") == [("rows", "", "1", "0")]
    estate.served(
        "DROP TABLE shop.totals", "CREATE VIEW shop.totals AS SELECT 1::BIGINT AS orders", "DROP VIEW shop.mine"
    )
    estate.served("DROP TABLE shop.revenue")
    assert estate.standings() == {
        "warehouse.shop.revenue": "missing", "warehouse.shop.totals": "drifted", "warehouse.main.extra": "unmanaged",
    }  # fmt: skip
    assert estate.differences("warehouse.shop.totals") == [("not_a_table", "", "a table", "a view")]
    assert estate.cataloged("warehouse.shop.mine").status == "dropped"  # type: ignore[union-attr]


def test_a_served_file_that_cannot_be_opened_is_no_green_and_hides_nothing_else(estate: Estate) -> None:
    estate.served("ALTER TABLE shop.revenue ADD COLUMN guess INTEGER")
    estate.standings()
    altered = estate.finding("warehouse.shop.revenue")
    estate.file.write_bytes(b"no database")
    estate.write("exports/orders", {"id": [1]})
    with pytest.raises(SourceUnavailable, match="cannot be opened"):
        estate.scan()
    assert estate.finding("exports/orders").standing == "unmanaged"
    assert estate.finding("warehouse.shop.revenue") == altered


def test_a_commit_of_ours_that_a_crash_left_out_of_the_ledger_is_no_drift(estate: Estate) -> None:
    table = estate.kit.table("served.totals")
    table.commit(table.snapshot(), removes=table.snapshot().files)
    assert "served.shop.totals" not in estate.standings()
    estate.kit.platform.metastore.commits.forget("curated/shop/orders")  # as after the metastore was lost
    assert estate.standings() == {}


def test_what_is_published_while_the_scan_looks_is_neither_foreign_nor_lost_nor_missing(estate: Estate) -> None:
    """In between every two steps of the scan something of the platform happens."""
    kit = estate.kit
    kit.served("late", ("orders int required",), "SELECT count(*) AS orders FROM curated.shop.orders\n",
               materialization="table")  # fmt: skip
    platform, done = kit.platform, []

    class BusyLake(Lake):
        def folder(self, path: str) -> tuple[ObjectStore, dict[str, str]]:
            if path == "tables/raw/shop/orders" and done == ["opened"]:  # it was opened, its history comes now
                drop(kit, "b.csv", ("A3", "2026-03-02", "1.00"))
                kit.ingest("orders")
                kit.refresh("curated.orders")
                done.append("ingested")
            done.extend(["opened"] if path == "tables/raw/shop/orders" and not done else [])
            return super().folder(path)

    def built() -> Mapping[str, int] | None:
        versions = platform.warehouse.built_versions()
        if done == ["opened", "ingested"]:  # the folders of the store have been looked at
            kit.materialize("served.late")
            kit.materialize("served.totals")
            estate.build()
            done.append("built")
        return versions

    scanner = replace(platform.scanner, lake=BusyLake(platform.settings.store), built_versions=built)
    assert {one.name for one in scanner.scan().findings if one.standing != "managed"} == set()
    assert done == ["opened", "ingested", "built"]
    assert estate.standings() == {}


def test_a_log_that_ends_before_what_was_acknowledged_is_drift(estate: Estate) -> None:
    Path(estate.folder("tables/served/shop/totals/_delta_log/00000000000000000001.json")).unlink()
    assert estate.standings()["served.shop.totals"] == "drifted"
    assert ("version_lost", "", "version 1", "version 0") in estate.differences("served.shop.totals")


def test_scanning_twice_changes_nothing_and_tells_nothing(estate: Estate) -> None:
    estate.add_order()
    estate.write("exports/orders", {"id": [1]})
    first = estate.scan()
    events = estate.kit.platform.metastore.outbox.after(0, limit=1000)
    second = estate.scan()
    assert len(first.changed) == 2
    assert (second.changed, second.gone) == ((), ())
    assert second.findings == first.findings
    assert estate.kit.platform.metastore.outbox.after(0, limit=1000) == events


def test_the_console_counts_and_lists_what_is_found(estate: Estate) -> None:
    estate.add_order(discount=[1])
    estate.write("tables/curated/shop/extract", {"id": [1]})
    estate.scan()
    estate.cataloged(ORDERS)
    with TestClient(platform_app(estate.kit.platform), base_url="http://localhost") as client:
        start, page = client.get("/").text, client.get(f"/datasets/{ORDERS}").text
    assert re.search(r">2<[^>]*>\s*<[^>]*>drifted or unmanaged", start)
    assert "column added discount: BIGINT" in start
    assert "curated.shop.extract" in start
    assert "column added discount: BIGINT" in page


def test_what_is_in_order_again_is_no_finding_any_more(estate: Estate) -> None:
    estate.write("exports/orders", {"id": [1]})
    estate.served("ALTER TABLE shop.revenue ADD COLUMN guess INTEGER")
    estate.standings()
    assert estate.cataloged("warehouse.shop.revenue").standing == "drifted"  # type: ignore[union-attr]
    shutil.rmtree(estate.folder("exports"))
    estate.file.unlink()
    estate.build()
    assert estate.standings() == {}
    line = estate.cataloged("warehouse.shop.revenue")
    assert line is not None
    assert (line.standing, line.found) == ("managed", None)
    outside = estate.cataloged(estate.folder("exports/orders"), "file")
    assert outside is not None
    assert (outside.standing, outside.status) == ("stub", "dropped")
    assert estate.kit.platform.metastore.catalog.findings.of("exports/orders") is None
    estate.served("ALTER TABLE shop.revenue ADD COLUMN guess INTEGER")  # the same drift again is told again
    estate.standings()
    assert estate.cataloged("warehouse.shop.revenue").standing == "drifted"  # type: ignore[union-attr]


def test_a_minor_version_that_has_not_run_yet_is_no_drift(estate: Estate) -> None:
    estate.scan()
    columns = ("day date key partition", "total decimal(38,2) required min=0", "orders int")
    estate.kit.served(
        "revenue",
        columns,
        "SELECT day, sum(amount) AS total, count(*) AS orders FROM curated.shop.orders\n"
        "WHERE day >= $partition_start AND day < $partition_end GROUP BY day\n",
        materialization="partition",
        version="1.1.0",
    )
    assert estate.standings() == {}
    estate.kit.refresh("served.revenue")
    assert estate.standings() == {}  # the table has the column, the file that was built before it not yet
    estate.build()
    assert estate.standings() == {}


def test_the_same_is_found_on_s3_with_a_metastore_on_postgresql(far_estate: Estate) -> None:
    assert far_estate.standings() == {}
    far_estate.add_order(discount=[1])
    far_estate.write("exports/orders", {"id": [1]})
    assert far_estate.standings() == {ORDERS: "drifted", "exports/orders": "unmanaged"}
    line = far_estate.cataloged("estate/exports/orders", "s3://lake-bucket")
    assert line is not None
    assert line.standing == "unmanaged"
    far_estate.kit.platform.settlement.move_away(far_estate.finding("exports/orders"))
    assert far_estate.standings() == {ORDERS: "drifted"}
    assert far_estate.kit.platform.store.list("exports") == []
